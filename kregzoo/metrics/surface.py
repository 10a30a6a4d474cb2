"""Distance between the surfaces of structures."""

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops


def hd95(a, b, spacing=1.0):
    """95th percentile of the Hausdorff distance between two structures.

    The larger of the two directed distances, each the 95th percentile of the distances
    from one structure's surface voxels to the nearest surface voxel of the other.
    A surface voxel has a neighbour, along an axis, outside its structure.

    Args:
        a: boolean array `(*spatial,)`. A structure's mask.
        b: boolean array of the same shape.
        spacing: float or one float an axis. Size of a voxel in mm.

    Returns:
        Distance in mm; NaN when either structure is empty.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> a, b = np.zeros((2, 8, 8), bool)
        >>> a[1, 1], b[1, 6] = True, True
        >>> hd95(a, b, spacing=0.5)
        2.5
    """
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    if a.shape != b.shape:
        raise ValueError(
            "`a` and `b` must have one shape; resample one to the other. "
            f"Received: a.shape={a.shape}, b.shape={b.shape}"
        )
    if not (a.any() and b.any()):
        return float("nan")
    box = _bounding_box(a | b)
    a, b = _surface(a[box]), _surface(b[box])
    spacing = np.broadcast_to(spacing, a.ndim)
    return max(_directed(a, b, spacing), _directed(b, a, spacing))


def _bounding_box(mask):
    """Slices of the smallest box that holds a mask: all distances lie within it."""
    return tuple(slice(axis.min(), axis.max() + 1) for axis in np.nonzero(mask))


def _surface(mask):
    from scipy import ndimage

    return mask & ~ndimage.binary_erosion(mask)


def _directed(source, target, spacing):
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(~target, sampling=spacing)
    return float(np.percentile(distance[source], 95))


@keras.saving.register_keras_serializable(package="kregzoo")
class HD95(keras.metrics.Mean):
    """Mean `hd95` over samples and labels, leaving out labels missing from either map.

    `update_state(y_true, y_pred)` takes the fixed and the warped labels, one-hot or
    probabilities `(B, *spatial, labels)` without the background, which count from 0.5.
    It computes in SciPy: use it by itself, or compile with `run_eagerly=True`.

    Args:
        spacing: float or D floats. Size of a voxel in mm.
        name: str. The metric's name.
        **kwargs: of `keras.metrics.Mean`.

    Example:
        >>> labels = np.zeros((1, 8, 8, 1))
        >>> labels[0, 2:5, 2:5] = 1.0
        >>> float(HD95(spacing=2.0)(labels, np.roll(labels, 1, axis=1)))
        2.0
    """

    def __init__(self, spacing=1.0, name="hd95", **kwargs):
        super().__init__(name=name, **kwargs)
        self.spacing = spacing

    def update_state(self, y_true, y_pred, sample_weight=None):
        ops.voxel_weights(sample_weight, None)
        fixed, warped = (
            np.moveaxis(kops.convert_to_numpy(labels) >= 0.5, -1, 1)
            for labels in (y_true, y_pred)
        )
        distances = np.array(
            [
                [hd95(a, b, self.spacing) for a, b in zip(*sample, strict=True)]
                for sample in zip(fixed, warped, strict=True)
            ]
        )
        weights = np.isfinite(distances).astype("float32")
        if sample_weight is not None:
            weights *= np.reshape(kops.convert_to_numpy(sample_weight), (-1, 1))
        super().update_state(np.nan_to_num(distances), weights)

    def get_config(self):
        return {**super().get_config(), "spacing": self.spacing}
