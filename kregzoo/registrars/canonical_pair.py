"""Two images on the canonical grid of a network."""

import numpy as np

from kregzoo.presets.preset import presets_of
from kregzoo.spatial import AffineTransform, Preprocessor, as_aligned_image, flatten
from kregzoo.spatial.preprocessing import foreground_box
from kregzoo.spatial.transforms import Transform


class CanonicalPair:
    """Two images on one canonical grid, the moving one through an initial transform.

    Args:
        frame: the `Preprocessor`.
        moving: an `Image`.
        fixed: an `Image`.
        initial: world transform from fixed to moving, or None to align the centres of
            the foregrounds.
        moving_mask: mask of `moving`, anything that `as_image` reads, or None.
        fixed_mask: mask of `fixed`, likewise.

    Attributes:
        started: whether `initial` was given.
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
                    f"`{name}` must have {frame.ndim} dimensions here. "
                    f"{_way_out(frame.ndim, moving.grid.ndim, fixed.grid.ndim)}"
                    f"Received: an image of shape {image.grid.shape}"
                )
        if isinstance(initial, Transform):
            # What was saved for files of one slice is a transform of 3-D space.
            initial = flatten(initial, fixed.grid, moving.grid)
        fits = isinstance(initial, Transform) and initial.ndim == frame.ndim
        if initial is not None and not fits:
            raise ValueError(
                f"`initial` must be a transform of kregzoo.spatial of {frame.ndim} "
                f"dimensions. Received: initial={initial!r}"
            )
        self.moving, self.fixed = frame.normalise(moving), frame.normalise(fixed)
        self.grid = frame.canonical_grid(self.fixed)
        self.started = initial is not None
        self.initial = initial or self._align_centres()

    def tensors(self):
        """Arguments of `IterativeRegistrar.optimise`, `(1, *spatial, 1)` each."""
        tensors = {
            "moving": self._on_grid(self.moving, self.initial),
            "fixed": self._on_grid(self.fixed, None),
        }
        if not tensors["moving"].any():
            raise ValueError(
                "`moving` does not overlap `fixed`: give another `initial`, or none "
                "where the images do not share a world. Received: "
                f"initial={self.initial!r}"
            )
        transforms = {"moving_mask": self.initial, "fixed_mask": None}
        for name, mask in self.masks.items():
            inside = self._on_grid(mask, transforms[name], "nearest")
            if not inside.any():
                raise ValueError(
                    f"`{name}` must have voxels above 0 where the images overlap. "
                    f"Received: one of shape {mask.grid.shape} without"
                )
            # Of a map of labels, each number means inside.
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


def _way_out(ndim, moving, fixed):
    """Say what registers a pair of other dimensions than a network's."""
    if not moving == fixed != ndim:
        return ""
    return (
        f"Presets for {fixed}-D images: {', '.join(presets_of(fixed))}. "
        "`kregzoo.register` registers any images without a network. "
    )


def default_preprocessor(ndim, spacing=2.0):
    """A frame of 2 mm in which any image fits, for registrars without a network."""
    return Preprocessor(spacing, ((16,) * ndim,))
