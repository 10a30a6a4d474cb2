"""Networks that are newer than the survey."""
