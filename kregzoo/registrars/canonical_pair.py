"""Two images on the canonical grid of a network."""

import copy
import dataclasses
import functools

import numpy as np

from kregzoo.presets.preset import presets_of
from kregzoo.spatial import (
    AffineTransform,
    Image,
    Preprocessor,
    as_aligned_image,
    flatten,
)
from kregzoo.spatial.preprocessing import foreground_box
from kregzoo.spatial.transforms import Transform


@dataclasses.dataclass(frozen=True, eq=False)
class CanonicalPair:
    """Two images on one canonical grid, the moving one through an initial transform.

    Args:
        frame: the `Preprocessor`.
        moving: an `Image`. The attribute is normalized.
        fixed: likewise.
        initial: world transform from fixed to moving, or None to align the centres of
            the foregrounds.
        moving_mask: mask of `moving`, anything that `as_image` reads, or None.
        fixed_mask: mask of `fixed`, likewise.

    Attributes:
        grid: the canonical `Grid`.
        started: whether `initial` was given.
    """

    frame: Preprocessor
    moving: Image
    fixed: Image
    initial: Transform | None = None
    moving_mask: Image | None = None
    fixed_mask: Image | None = None

    def __post_init__(self):
        frame, moving, fixed = self.frame, self.moving, self.fixed
        masks = {
            name: as_aligned_image(image, mask, name)
            for name, image, mask in (
                ("moving_mask", moving, self.moving_mask),
                ("fixed_mask", fixed, self.fixed_mask),
            )
            if mask is not None
        }
        for name, image in {"moving": moving, "fixed": fixed, **masks}.items():
            if image.grid.ndim != frame.ndim:
                raise ValueError(
                    f"`{name}` must have {frame.ndim} dimensions here. "
                    f"{_way_out(frame.ndim, moving.grid.ndim, fixed.grid.ndim)}"
                    f"Received: an image of shape {image.grid.shape}"
                )
        initial = self.initial
        if isinstance(initial, Transform):
            # What was saved for files of one slice is a transform of 3-D space.
            initial = flatten(initial, fixed.grid, moving.grid)
        fits = isinstance(initial, Transform) and initial.ndim == frame.ndim
        if initial is not None and not fits:
            raise ValueError(
                f"`initial` must be a transform of kregzoo.spatial of {frame.ndim} "
                f"dimensions. Received: initial={initial!r}"
            )
        moving, fixed = frame.normalise(moving), frame.normalise(fixed)
        vars(self).update(
            masks,
            moving=moving,
            fixed=fixed,
            initial=initial or _align_centers(moving, fixed),
            started=initial is not None,
            grid=frame.canonical_grid(fixed),
        )

    def with_initial(self, transform):
        """Return the pair with another initial transform.

        The new pair reuses the fixed image if `tensors` has resampled it.
        """
        pair = copy.copy(self)
        vars(pair).update(initial=transform)
        return pair

    def tensors(self):
        """Arguments of `IterativeRegistrar.optimise`, `(1, *spatial, 1)` each."""
        moving = self._on_grid(self.moving, self.initial)
        if not moving.any():
            raise ValueError(
                "`moving` does not overlap `fixed`: give another `initial`, or none "
                "where the images do not share a world. Received: "
                f"initial={self.initial!r}"
            )
        mask = self._mask_on_grid("moving_mask", self.initial)
        return {"moving": moving, **mask, **self._fixed_tensors}

    @functools.cached_property
    def _fixed_tensors(self):
        fixed = self._on_grid(self.fixed, None)
        return {"fixed": fixed, **self._mask_on_grid("fixed_mask", None)}

    def _mask_on_grid(self, name, transform):
        """Return a dict of the mask's tensor, empty without a mask."""
        mask = getattr(self, name)
        if mask is None:
            return {}
        inside = self._on_grid(mask, transform, "nearest")
        if not inside.any():
            raise ValueError(
                f"`{name}` must have voxels above 0 where the images overlap. "
                f"Received: one of shape {mask.grid.shape} without"
            )
        # Of a map of labels, each number means inside.
        return {name: np.clip(inside, 0.0, 1.0)}

    def _on_grid(self, image, transform, interpolation="linear"):
        resampled = image.resample(self.grid, transform, interpolation)
        return resampled.array[None, ..., None].astype("float32")


def _align_centers(moving, fixed):
    matrix = np.eye(fixed.grid.ndim + 1)
    boxes = (foreground_box(image) for image in (moving, fixed))
    moving_center, fixed_center = (np.mean(box, 0) for box in boxes)
    matrix[:-1, -1] = moving_center - fixed_center
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
