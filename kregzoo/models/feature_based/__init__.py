"""Survey section 5.2: feature-based unsupervised transformation estimation."""
