"""Dice overlap of label maps."""

import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.metrics.sample_mean import SampleMean


def dice(fixed, warped, labels=None):
    """Compute the Dice overlap of each label, `2 |A & B| / (|A| + |B|)`.

    Args:
        fixed: array `(*spatial,)` of whole numbers, of any size and sign.
        warped: array of the same shape.
        labels: iterable of ints. Defaults to all labels of both maps except 0.

    Returns:
        Dict of overlaps in [0, 1] by label; NaN for a label in neither map.

    Raises:
        ValueError: If the shapes differ, or a map or `labels` contains values that are
            not whole numbers.

    Example:
        >>> dice(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
        {1: 0.6666666666666666, 2: 0.6666666666666666}
    """
    fixed, warped = _whole(fixed, "fixed"), _whole(warped, "warped")
    if fixed.shape != warped.shape:
        raise ValueError(
            "`fixed` and `warped` must have the same shape; resample one to the other. "
            f"Received: fixed.shape={fixed.shape}, warped.shape={warped.shape}"
        )
    in_fixed, in_warped = _sizes(fixed), _sizes(warped)
    in_both = _sizes(fixed[fixed == warped])
    if labels is None:
        labels = sorted((in_fixed.keys() | in_warped.keys()) - {0})
    labels = _whole(list(labels), "labels").tolist()
    overlaps = {}
    for label in labels:
        size = in_fixed.get(label, 0) + in_warped.get(label, 0)
        overlaps[label] = 2 * in_both.get(label, 0) / size if size else float("nan")
    return overlaps


def _whole(values, argument):
    """Convert to integers, or raise if a value is not a whole number."""
    values = np.asarray(values)
    if values.dtype.kind == "f":
        whole = (values == np.round(values)) & (np.abs(values) < 2.0**63)
        values = values.astype("int64") if whole.all() else values
    if values.dtype.kind not in "iub":
        raise ValueError(
            f"`{argument}` must be whole numbers; give the labels of an image as an "
            f"array, `as_labels(image).array`. Received: {argument} of dtype "
            f"{values.dtype}, shape {values.shape}"
        )
    return values.astype("uint8") if values.dtype.kind == "b" else values


def _sizes(label_map):
    labels, counts = np.unique(label_map, return_counts=True)
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))


# Registered under another name, because the loss is registered as "Dice".
@keras.saving.register_keras_serializable(package="kregzoo", name="DiceMetric")
class Dice(SampleMean):
    """Average the Dice overlap over the labels in a sample and over samples.

    `update_state(y_true, y_pred, sample_weight=None)` takes the fixed and the warped
    labels of any type, one-hot or probabilities `(B, *spatial, labels)` without the
    background. Voxels with values of 0.5 or more belong to the label. Give one weight
    per sample or one per voxel, `(B, *spatial)`. Weights of voxels weight the overlap,
    and their mean weights the sample. In [0, 1]; a sample without labels counts as 0.

    Args:
        name: str. The metric's name.
        **kwargs: arguments of `keras.metrics.Mean`.

    Example:
        >>> labels = keras.ops.ones((1, 4, 4, 1))
        >>> float(Dice()(labels, labels))
        1.0
    """

    def __init__(self, name="dice", **kwargs):
        super().__init__(name=name, **kwargs)

    def measure(self, y_true, y_pred):
        return self._overlap(y_true, y_pred, 1.0)

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = ops.voxel_weights(sample_weight, kops.convert_to_tensor(y_pred).shape)
        if mask is None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        values = self._overlap(y_true, y_pred, mask)
        axes = tuple(range(1, len(mask.shape)))
        super(SampleMean, self).update_state(values, kops.mean(mask, axis=axes))

    def _overlap(self, y_true, y_pred, weights):
        fixed, warped = (
            kops.cast(kops.cast(labels, "float32") >= 0.5, self.dtype)
            for labels in (y_true, y_pred)
        )
        axes = tuple(range(1, len(fixed.shape) - 1))
        both = kops.sum(weights * fixed * warped, axis=axes)
        size = kops.sum(weights * (fixed + warped), axis=axes)
        present = size > 0
        overlap = kops.where(present, 2.0 * both / kops.where(present, size, 1.0), 0.0)
        count = kops.sum(kops.cast(present, self.dtype), axis=-1)
        return kops.sum(overlap, axis=-1) / kops.maximum(count, 1.0)
