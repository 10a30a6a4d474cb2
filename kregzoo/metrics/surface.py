"""Distances between the surfaces of structures."""

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops


def hd95(a, b, spacing=1.0):
    """Compute the 95th percentile of the Hausdorff distance between two structures.

    This is the larger of the two directed distances. A directed distance is the 95th
    percentile of the distances from the surface voxels of one structure to the nearest
    surface voxel of the other. A surface voxel has a neighbor along an axis outside the
    structure.

    Args:
        a: boolean array `(*spatial,)`. Mask of a structure.
        b: boolean array of the same shape.
        spacing: float or one float per axis. Size of a voxel in mm.

    Returns:
        Distance in mm; NaN if a structure is empty.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> a, b = np.zeros((2, 8, 8), bool)
        >>> a[1, 1], b[1, 6] = True, True
        >>> hd95(a, b, spacing=0.5)
        2.5
    """
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    if a.shape != b.shape:
        raise ValueError(
            "`a` and `b` must have the same shape; resample one to the other. "
            f"Received: a.shape={a.shape}, b.shape={b.shape}"
        )
    if not (a.any() and b.any()):
        return float("nan")
    box = _bounding_box(a | b)
    a, b = _surface(a[box]), _surface(b[box])
    spacing = np.broadcast_to(spacing, a.ndim)
    return max(_directed(a, b, spacing), _directed(b, a, spacing))


def _bounding_box(mask):
    """Return the slices of the smallest box around a mask."""
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
    """Average `hd95` over samples and the labels that are in both maps.

    `update_state(y_true, y_pred)` takes the fixed and the warped labels, one-hot or
    probabilities `(B, *spatial, labels)` without the background. Voxels with values of
    0.5 or more belong to the label. The metric computes in SciPy: use it outside of
    models, or compile with `run_eagerly=True`.

    Args:
        spacing: float or D floats. Size of a voxel in mm.
        name: str. The metric's name.
        **kwargs: arguments of `keras.metrics.Mean`.

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
