"""Survey section 5.2: unsupervised transformation estimation by features."""
