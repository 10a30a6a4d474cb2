"""Model zoo of deep-learning medical image registration for Keras 3."""
