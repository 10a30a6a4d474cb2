"""Pairs of images on the canonical grid of a network."""

import numpy as np

from kregzoo.presets.preset import presets_of
from kregzoo.spatial import AffineTransform, Preprocessor, as_aligned_image, flatten
from kregzoo.spatial.preprocessing import foreground_box
from kregzoo.spatial.transforms import Transform


class CanonicalPair:
    """Pair of images on one canonical grid, pre-aligned by an initial transform.

    Args:
        frame: the `Preprocessor`.
        moving: an `Image`.
        fixed: an `Image`.
        initial: world transform from fixed to moving. Defaults to the translation that
            aligns the centers of the foregrounds.
        moving_mask: mask of `moving`, anything that `as_image` reads, or None.
        fixed_mask: mask of `fixed`, anything that `as_image` reads, or None.

    Attributes:
        started: bool. Whether `initial` was given.

    Raises:
        ValueError: If an image, a mask or `initial` has other dimensions than `frame`.
    """

    def __init__(
        self, frame, moving, fixed, initial=None, moving_mask=None, fixed_mask=None
    ):
        masks = {
            "moving_mask": (moving_mask, moving),
            "fixed_mask": (fixed_mask, fixed),
        }
        self.masks = {
            name: as_aligned_image(image, mask, name)
            for name, (mask, image) in masks.items()
            if mask is not None
        }
        for name, image in {"moving": moving, "fixed": fixed, **self.masks}.items():
            if image.grid.ndim != frame.ndim:
                raise ValueError(
                    f"`{name}` must have {frame.ndim} dimensions. "
                    f"{_suggestion(frame.ndim, moving.grid.ndim, fixed.grid.ndim)}"
                    f"Received: an image of shape {image.grid.shape}"
                )
        if isinstance(initial, Transform):
            # Transforms saved for files of a single slice are 3-D.
            initial = flatten(initial, fixed.grid, moving.grid)
        fits = isinstance(initial, Transform) and initial.ndim == frame.ndim
        if initial is not None and not fits:
            raise ValueError(
                f"`initial` must be a {frame.ndim}-D transform of kregzoo.spatial. "
                f"Received: initial={initial!r}"
            )
        self.moving, self.fixed = frame.normalise(moving), frame.normalise(fixed)
        self.grid = frame.canonical_grid(self.fixed)
        self.started = initial is not None
        self.initial = initial or self._align_centres()

    def tensors(self):
        """Make the arguments of `IterativeRegistrar.optimise`, `(1, *spatial, 1)`."""
        tensors = {
            "moving": self._on_grid(self.moving, self.initial),
            "fixed": self._on_grid(self.fixed, None),
        }
        if not tensors["moving"].any():
            raise ValueError(
                "`moving` must overlap `fixed`: use another `initial`, or omit it to "
                f"align the foreground centers. Received: initial={self.initial!r}"
            )
        transforms = {"moving_mask": self.initial, "fixed_mask": None}
        for name, mask in self.masks.items():
            inside = self._on_grid(mask, transforms[name], "nearest")
            if not inside.any():
                raise ValueError(
                    f"`{name}` must have voxels above 0 where the images overlap. "
                    f"Received: a mask of shape {mask.grid.shape} without such voxels"
                )
            # If the mask is a label map, every label is inside.
            tensors[name] = np.clip(inside, 0.0, 1.0)
        return tensors

    def _on_grid(self, image, transform, interpolation="linear"):
        resampled = image.resample(self.grid, transform, interpolation)
        return resampled.array[None, ..., None].astype("float32")

    def _align_centres(self):
        matrix = np.eye(self.grid.ndim + 1)
        moving, fixed = (
            np.mean(foreground_box(i), 0) for i in (self.moving, self.fixed)
        )
        matrix[:-1, -1] = moving - fixed
        return AffineTransform(matrix)


def _suggestion(ndim, moving, fixed):
    """Suggest how to register a pair that has other dimensions than the network."""
    if not moving == fixed != ndim:
        return ""
    return (
        f"Presets for {fixed}-D images: {', '.join(presets_of(fixed))}. "
        "`kregzoo.register` registers any images without a network. "
    )


def default_preprocessor(ndim, spacing=2.0):
    """Make a 2 mm frame for images of any size, for registrars without a network."""
    return Preprocessor(spacing, ((16,) * ndim,))
