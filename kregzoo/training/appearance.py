"""Statistical model of shape and texture that generates registered pairs."""

import numpy as np
from keras import ops as kops

from kregzoo import ops

# Voxels along the longest axis of the grid of the shape model.
COARSE = 32
# Coefficients are clipped to this many standard deviations.
CUT = 2.5
# The generated fields are smooth, so few iterations suffice.
INVERSION_STEPS = 10


class AppearanceModel:
    """Model the principal components of the shapes and textures of a few images.

    In the model of Uzunova et al., MICCAI 2017, the shape is the displacement from each
    image to a template, and the texture is the image resampled on the template. A few
    images give few modes of shape. If distant points vary independently, there are many
    more modes. Therefore each sample is multiplied by Gaussian windows whose squares
    sum to 1, so that the covariance of two points decays as a Gaussian of their
    distance. Each draw uses the modes of one locality.

    Args:
        images: array `(N, *spatial, 1)`.
        shapes: array `(N, *spatial, D)`, displacements in voxels from each image to the
            template: each image is the template warped by the displacement.
        localities: tuple of floats, the standard deviations of the windows as fractions
            of the longest axis. Infinity means no window.
        kept: float in (0, 1]. Fraction of the variance that the modes keep.
        one_template: bool. Whether all shapes share one template. If so, textures are
            drawn from modes. Otherwise each image has a template, and each draw uses
            one of the textures unchanged.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> images, shapes = rng.random((5, 16, 16, 1)), np.zeros((5, 16, 16, 2))
        >>> model = AppearanceModel(images, shapes)
        >>> moving, fixed, displacement = model.draw(rng, count=3)
        >>> displacement.shape
        (3, 16, 16, 2)
    """

    def __init__(
        self,
        images,
        shapes,
        localities=(np.inf, 0.5, 0.25),
        kept=0.95,
        one_template=True,
    ):
        self.spatial = shapes.shape[1:-1]
        self.coarse = tuple(
            min(n, max(4, round(n * COARSE / max(self.spatial)))) for n in self.spatial
        )
        shapes = kops.cast(shapes, "float32")
        self.textures = kops.convert_to_numpy(ops.warp(images, ops.invert(shapes)))
        small = kops.convert_to_numpy(ops.resize(shapes, self.coarse, antialias=True))
        self.mean_shape = small.mean(axis=0)
        self.shape_modes = [
            _modes(
                _windowed(small - self.mean_shape, locality * max(self.coarse)), kept
            )
            for locality in localities
        ]
        self.mean_texture = self.textures.mean(axis=0)
        self.texture_modes = None
        if one_template:
            self.texture_modes = _modes([self.textures - self.mean_texture], kept)
        self._pair = ops.compiled(self._make_pair)

    def draw(self, rng, count=1):
        """Draw pairs of two shapes and one texture.

        Args:
            rng: a `numpy.random.Generator`.
            count: int. Number of pairs.

        Returns:
            Arrays: moving images and fixed images `(count, *spatial, 1)`, and the
            displacements `(count, *spatial, D)` in voxels that align them.
        """
        modes = self.shape_modes[rng.integers(len(self.shape_modes))]
        shapes = [self.mean_shape + _sampled(modes, rng, count) for _ in range(2)]
        texture = self._textures(rng, count)
        drawn = [array.astype("float32") for array in (*shapes, texture)]
        return tuple(map(kops.convert_to_numpy, self._pair(*drawn)))

    def _textures(self, rng, count):
        if self.texture_modes is None:
            return self.textures[rng.integers(len(self.textures), size=count)]
        return self.mean_texture + _sampled(self.texture_modes, rng, count)

    def _make_pair(self, moving_shape, fixed_shape, texture):
        moving, fixed = (
            ops.resize(shape, self.spatial) for shape in (moving_shape, fixed_shape)
        )
        images = [ops.warp(texture, shape) for shape in (moving, fixed)]
        # The displacement leads from the fixed image to the template, then to the
        # moving image.
        back = ops.invert(moving, iterations=INVERSION_STEPS)
        return (*images, ops.compose(back, fixed))


def _windowed(samples, sigma):
    """Multiply the samples by each window: list of arrays `(N, *spatial, D)`."""
    spatial = samples.shape[1:-1]
    if np.isinf(sigma):
        return [samples]
    axes = [np.arange(sigma / 2, n, sigma) for n in spatial]
    centers = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    points = np.stack(np.meshgrid(*map(np.arange, spatial), indexing="ij"), axis=-1)
    windows = [
        np.exp(-0.5 * np.sum((points - center) ** 2, axis=-1) / sigma**2)
        for center in centers.reshape(-1, len(spatial))
    ]
    total = np.sqrt(sum(window**2 for window in windows))
    return [samples * (window / total)[..., None] for window in windows]


def _modes(parts, kept):
    """Compute principal components times standard deviations, `(modes, *shape)`.

    The parts are centered samples of independent variables, so variances add up.
    """
    count = len(parts[0])
    rows = np.concatenate(parts).reshape(len(parts) * count, -1)
    # There are fewer samples than voxels, so decompose the small Gram matrix.
    values, vectors = np.linalg.eigh(rows @ rows.T / max(1, count - 1))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    number = 1 + int(np.searchsorted(np.cumsum(values), kept * values.sum()))
    modes = vectors[:, :number].T @ rows / np.sqrt(max(1, count - 1))
    return modes.reshape(-1, *parts[0].shape[1:])


def _sampled(modes, rng, count):
    coefficients = np.clip(rng.normal(size=(count, len(modes))), -CUT, CUT)
    return np.tensordot(coefficients, modes, axes=1)
