"""Preset folders: reading, writing, and fetching them from a hub."""
