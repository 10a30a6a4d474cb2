"""Benchmarks of our implementation and of others."""
