"""Inference: one pass, iterative, and what they give."""
