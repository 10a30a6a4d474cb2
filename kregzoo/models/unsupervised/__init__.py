"""Survey section 5.1: unsupervised transformation estimation by similarity."""
