"""Survey section 5.1: similarity-based unsupervised transformation estimation."""
