"""Shipped profiles, one CSV file a source."""
