"""Traces: files of jobs with their times of submission, in hetsched's own format or as clusters
publish them."""
