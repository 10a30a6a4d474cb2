"""Preprocessing of raw scans to the input of a network."""

import dataclasses
import math

import numpy as np

from kregzoo.spatial.background import SAMPLED_VOXELS, without_nan, without_padding
from kregzoo.spatial.grid import Grid
from kregzoo.spatial.image import Image
from kregzoo.spatial.sampling import sample_indices

# Maximum size of a canonical grid, 256 along each axis, to limit the memory of the
# activations.
MAX_VOXELS = 2**24
# Bright voxels are outliers if they are at most this share of the voxels, or this many,
# and brighter than the others by more than this factor. Without outliers, the factor is
# at most 4.6 in the training data of the presets.
OUTLIERS, MIN_OUTLIERS, FAR_ABOVE = 1e-3, 5, 5.0
# Normalized intensities above this are foreground.
FOREGROUND = 0.1


@dataclasses.dataclass(frozen=True)
class Preprocessor:
    """Preprocess images for a network: axes, voxel size, shape, intensities.

    Args:
        spacing: float. Voxel size in mm, the same along each axis.
        shapes: tuple of spatial shapes, from small to large. An image gets the first
            one that contains its foreground. Few shapes mean few compilations.
        divisor: int that divides each size. An image larger than all `shapes` gets the
            next multiples. None for networks of fixed size: a larger image gets the
            last shape, which crops its foreground.
        percentile: float in (0, 100]. The percentile of the foreground's intensities
            that becomes 1. The percentile `100 - percentile` of the image becomes 0.

    Example:
        >>> frame = Preprocessor(spacing=2.0, shapes=((80, 96, 80),))
        >>> image = Image.from_array(np.random.rand(20, 20, 20), spacing=4.0)
        >>> frame.canonical_grid(image).shape
        (80, 96, 80)
    """

    spacing: float
    shapes: tuple
    divisor: int | None = 16
    percentile: float = 99.5

    def __post_init__(self):
        # Lists, as read from JSON, are not hashable.
        object.__setattr__(self, "shapes", tuple(tuple(s) for s in self.shapes))
        sizes = [size for shape in self.shapes for size in shape]
        if not (self.spacing > 0 and sizes and min(sizes) > 0):
            raise ValueError(
                "`spacing` and the sizes in `shapes` must be positive. Received: "
                f"spacing={self.spacing}, shapes={self.shapes}"
            )

    @classmethod
    def from_config(cls, config):
        """Make a preprocessor from the result of `get_config`."""
        return cls(**config)

    def get_config(self):
        """Return the arguments as plain values, for `preprocessor.json`."""
        return dataclasses.asdict(self)

    @property
    def ndim(self):
        """Number of spatial axes, 2 or 3."""
        return len(self.shapes[0])

    def normalize(self, image):
        """Scale intensities so that a low percentile becomes 0 and a high one 1.

        The lowest value is not used for 0, because interpolation at edges produces
        values below the background. A few bright outliers do not change the scale. NaN,
        padding and the zeros around a z-scored object get the lowest intensity.

        Args:
            image: an `Image`.

        Returns:
            An `Image`, float32, clipped to [0, 1].
        """
        # A contiguous copy, because samples of other arrays would copy them again.
        array = image.array.astype("float32", order="C")
        array = without_padding(without_nan(array))
        low = _percentile(array.ravel(), 100.0 - self.percentile)
        foreground = array[array > low + 0.02 * (_top(array, low) - low)]
        if foreground.size:
            high = _percentile(foreground, self.percentile)
        else:
            # Only a few voxels are darker than the others.
            low, high = array.min(), low
        array -= low
        array /= high - low
        np.clip(array, 0.0, 1.0, out=array)
        return Image(array, image.grid, image.name)

    # British spelling, which scripts outside of the package use.
    normalise = normalize

    def canonical_grid(self, image):
        """Center the canonical grid on the foreground of a normalized image.

        Args:
            image: an `Image` with intensities in [0, 1].

        Returns:
            A `Grid` parallel to the world axes.
        """
        low, high = foreground_box(image)
        # World axes in the order of the grid axes: the first axis of a picture is y.
        axes = Grid.centered((1,) * self.ndim).direction
        order = np.abs(axes).argmax(axis=0)
        needed = np.ceil((high - low)[order] / self.spacing).astype(int)
        holding = [shape for shape in self.shapes if (needed <= shape).all()]
        if holding or self.divisor is None:
            shape = [*holding, self.shapes[-1]][0]
        else:
            shape = tuple(-(-needed // self.divisor) * self.divisor)
        if math.prod(shape) > MAX_VOXELS:
            raise ValueError(
                f"An image at {self.spacing} mm may have at most {MAX_VOXELS} voxels: "
                f"crop it. Received: a foreground of {(high - low).round().tolist()} mm"
            )
        return Grid.centered(shape, self.spacing, (low + high) / 2)


def _percentile(values, percentile):
    """Compute a percentile from a sample of the voxels, which is faster."""
    sample = values[sample_indices(values.size, SAMPLED_VOXELS)]
    return np.percentile(sample, percentile)


def _top(array, low):
    """Compute the highest intensity, ignoring a few voxels far above all others."""
    highest = array.max()
    sample = array.ravel()[sample_indices(array.size, SAMPLED_VOXELS)]
    count = max(MIN_OUTLIERS, int(OUTLIERS * sample.size))
    far = low + (highest - low) / FAR_ABOVE
    # Counting is faster than partitioning, and few images have outliers.
    if count >= sample.size or np.count_nonzero(sample >= far) > count:
        return highest
    return np.partition(sample, -count - 1)[-count - 1]


def foreground_box(image, threshold=FOREGROUND):
    """Compute the bounding box of the voxels above a threshold.

    Args:
        image: an `Image` with intensities in [0, 1].
        threshold: float. Intensity above which a voxel is foreground.

    Returns:
        Two arrays `(D,)` in mm: the lowest and the highest corner.
    """
    mask = image.array > threshold
    spans = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        spans.append((hits[0] - 0.5, hits[-1] + 0.5))
    corners = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1)
    points = image.grid.voxel_to_world(corners.reshape(-1, mask.ndim))
    return points.min(axis=0), points.max(axis=0)
