"""Simulated images: cone-beam CT and the body surface that a depth camera sees."""
