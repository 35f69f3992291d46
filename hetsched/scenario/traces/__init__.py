"""Traces: files of jobs with their times of arrival, ours and those that clusters publish."""
