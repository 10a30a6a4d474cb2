"""Pairs of images on the canonical grid of a network."""

import copy
import dataclasses
import functools

import numpy as np

from kregzoo.presets.preset import presets_for
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
    """Pair of images on one canonical grid, pre-aligned by an initial transform.

    Args:
        frame: the `Preprocessor`.
        moving: an `Image`. The attribute is normalized.
        fixed: an `Image`. The attribute is normalized.
        initial: world transform from fixed to moving. Defaults to the translation that
            aligns the centers of the foregrounds.
        moving_mask: mask of `moving`, anything that `as_image` reads, or None.
        fixed_mask: mask of `fixed`, anything that `as_image` reads, or None.

    Attributes:
        grid: the canonical `Grid`.
        started: bool. Whether `initial` was given.

    Raises:
        ValueError: If an image, a mask or `initial` has other dimensions than `frame`,
            or an image is smaller than a voxel of `frame`.
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
                    f"`{name}` must have {frame.ndim} dimensions. "
                    f"{_suggestion(frame.ndim, moving.grid.ndim, fixed.grid.ndim)}"
                    f"Received: an image of shape {image.grid.shape}"
                )
            largest = (image.grid.spacing * image.grid.shape).max()
            if largest < frame.spacing:
                raise ValueError(
                    f"`{name}` must be larger than the voxels of the canonical grid, "
                    f"{frame.spacing:g} mm: check the unit of its spacing. Received: "
                    f"an image of {largest:.3g} mm"
                )
        initial = self.initial
        if isinstance(initial, Transform):
            # Transforms saved for files of a single slice are 3-D.
            initial = flatten(initial, fixed.grid, moving.grid)
        fits = isinstance(initial, Transform) and initial.ndim == frame.ndim
        if initial is not None and not fits:
            raise ValueError(
                f"`initial` must be a {frame.ndim}-D transform of kregzoo.spatial. "
                f"Received: initial={initial!r}"
            )
        moving, fixed = frame.normalize(moving), frame.normalize(fixed)
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
        """Make the arguments of `IterativeRegistrar.optimize`, `(1, *spatial, 1)`."""
        moving = self._on_grid(self.moving, self.initial)
        if not moving.any():
            raise ValueError(
                "`moving` must overlap `fixed`: use another `initial`, or omit it to "
                f"align the foreground centers. Received: initial={self.initial!r}"
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
                f"Received: a mask of shape {mask.grid.shape} without such voxels"
            )
        # If the mask is a label map, every label is inside.
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


def _suggestion(ndim, moving, fixed):
    """Suggest how to register a pair that has other dimensions than the network."""
    if not moving == fixed != ndim:
        return ""
    return (
        f"Presets for {fixed}-D images: {', '.join(presets_for(fixed))}. "
        "`kregzoo.register` registers any images without a network. "
    )


def default_preprocessor(ndim, spacing=2.0):
    """Make a 2 mm frame for images of any size, for registrars without a network."""
    return Preprocessor(spacing, ((16,) * ndim,))
