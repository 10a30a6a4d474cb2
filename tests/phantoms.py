"""Images with a closed form, whose warps are known exactly.

A phantom is a sum of Gaussian blobs in world mm. It is warped by evaluating it at the
mapped points, so the ground truth is free of interpolation.
"""

import numpy as np

from kregzoo.spatial import Grid, Image


class Phantom:
    """Blobs of random position, width and height within a disc or a ball.

    Args:
        ndim: 2 or 3.
        radius: float. Radius in mm of the ball around the origin with the centers.
        count: int. Number of blobs.
        seed: int.
    """

    def __init__(self, ndim, radius=30.0, count=40, seed=0):
        rng = np.random.default_rng(seed)
        direction = rng.normal(size=(count, ndim))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = radius * rng.uniform(size=(count, 1)) ** (1 / ndim)
        self.centers = direction * length
        self.widths = rng.uniform(0.12, 0.25, count) * radius
        self.heights = rng.uniform(0.3, 1.0, count)
        self.radius = radius

    def __call__(self, points):
        """Compute the intensities at world points `(N, D)`."""
        values = np.zeros(len(points))
        for center, width, height in zip(
            self.centers, self.widths, self.heights, strict=True
        ):
            squares = np.sum((points - center) ** 2, axis=1)
            values += height * np.exp(-squares / (2 * width**2))
        return values

    def image(self, grid, truth=None):
        """Sample the phantom on a grid, warped by `truth(points) -> points`."""
        points = world_points(grid)
        values = self(points if truth is None else truth(points))
        return Image(values.reshape(grid.shape).astype("float32"), grid)

    def landmarks(self, count=200, seed=1):
        """Return world points far inside the phantom."""
        rng = np.random.default_rng(seed)
        points = rng.uniform(-1, 1, (20 * count, self.centers.shape[1]))
        inside = np.linalg.norm(points, axis=1) < 0.9
        return self.radius * points[inside][:count]


def world_points(grid):
    """Return the world positions of all voxels, `(N, D)`."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    return grid.voxel_to_world(index.reshape(-1, grid.ndim))


def rotated_grid(shape, spacing, degrees, center=None):
    """Make an oblique grid, rotated in the plane of the first two axes."""
    ndim = len(shape)
    angle = np.deg2rad(degrees)
    linear = np.eye(ndim)
    linear[:2, :2] = [
        [np.cos(angle), -np.sin(angle)],
        [np.sin(angle), np.cos(angle)],
    ]
    linear = linear * spacing
    affine = np.eye(ndim + 1)
    affine[:-1, :-1] = linear
    center = np.zeros(ndim) if center is None else np.asarray(center)
    affine[:-1, -1] = center - linear @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


def linear_map(ndim, degrees=6.0, shift=3.0, stretch=0.0):
    """Make a function that rotates, shifts and stretches points in mm."""
    angle = np.deg2rad(degrees)
    matrix = np.eye(ndim)
    matrix[:2, :2] = [
        [np.cos(angle), -np.sin(angle)],
        [np.sin(angle), np.cos(angle)],
    ]
    matrix[:, 0] *= 1 + stretch
    offset = shift * np.resize([1.0, -0.5, 0.75], ndim)
    return lambda points: points @ matrix.T + offset


def wave(ndim, amplitude=3.0, length=80.0):
    """Make a function that displaces points smoothly and invertibly, in mm."""

    def truth(points):
        phases = 2 * np.pi * points[:, np.roll(np.arange(ndim), 1)] / length
        return points + amplitude * np.cos(phases + np.arange(ndim))

    return truth


def mean_error(transform, truth, points):
    """Compute the mean distance in mm between a transform and the ground truth."""
    distances = transform.apply_points(points) - truth(points)
    return float(np.linalg.norm(distances, axis=1).mean())
