"""Target registration error."""

import keras
import numpy as np
from keras import ops as kops

from kregzoo.metrics.sample_mean import SampleMean


def tre(points, reference):
    """Compute the target registration error of each landmark.

    Args:
        points: array `(N, D)`. Landmarks mapped by the transform, in mm.
        reference: array `(N, D)`. Corresponding landmarks of the other image, in mm.

    Returns:
        Array `(N,)` of distances in mm.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> tre([[0.0, 0.0, 0.0]], [[3.0, 4.0, 0.0]]).tolist()
        [5.0]
    """
    points, reference = np.asarray(points), np.asarray(reference)
    if points.shape != reference.shape:
        raise ValueError(
            "`points` and `reference` must correspond row by row. Received: "
            f"points.shape={points.shape}, reference.shape={reference.shape}"
        )
    return np.linalg.norm(points - reference, axis=-1)


@keras.saving.register_keras_serializable(package="kregzoo")
class TRE(SampleMean):
    """Average the target registration error in mm over landmarks and samples.

    `update_state(y_true, y_pred)` takes the true positions of landmarks and the
    positions mapped by the transform, `(B, N, D)` in voxels.

    Args:
        spacing: float or D floats. Size of a voxel in mm.
        name: str. The metric's name.
        **kwargs: arguments of `keras.metrics.Mean`.

    Example:
        >>> reference = keras.ops.zeros((1, 5, 2))
        >>> float(TRE(spacing=2.0)(reference, keras.ops.add(reference, [3.0, 4.0])))
        10.0
    """

    def __init__(self, spacing=1.0, name="tre", **kwargs):
        super().__init__(name=name, **kwargs)
        self.spacing = spacing

    def measure(self, y_true, y_pred):
        spacing = np.asarray(self.spacing, "float32")
        offset = kops.multiply(kops.subtract(y_pred, y_true), spacing)
        return kops.mean(kops.norm(offset, axis=-1), axis=-1)

    def get_config(self):
        return {**super().get_config(), "spacing": self.spacing}
