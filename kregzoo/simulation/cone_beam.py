"""Cone-beam CT simulated from CT."""

import numpy as np


def cone_beam(rng, volume):
    """Simulate cone-beam CT from CT: shading, noise, and a cylindrical field of view.

    Args:
        rng: a `numpy.random.Generator`.
        volume: array `(*spatial)` in [0, 1]. In 3-D the last axis is the axis of the
            scanner.

    Returns:
        Array of the same shape.
    """
    axes = [np.linspace(-1, 1, size) for size in volume.shape]
    x, y, *_ = np.meshgrid(*axes, indexing="ij")
    radius = x**2 + y**2
    # Scatter makes the center darker than the rim, or brighter if it is overcorrected.
    shading = 1.0 + rng.uniform(-0.1, 0.3) * (radius - 0.5)
    tilt = 1.0 + rng.uniform(-0.1, 0.1) * x + rng.uniform(-0.1, 0.1) * y
    noise = rng.normal(0, rng.uniform(0.01, 0.05), volume.shape)
    seen = radius < rng.uniform(0.8, 1.6) ** 2
    degraded = (volume * shading * tilt + noise) * seen
    return np.clip(degraded, 0.0, 1.2).astype("float32")
