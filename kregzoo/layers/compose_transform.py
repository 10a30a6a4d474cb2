"""Composition of two transforms."""

import keras

from kregzoo import ops
from kregzoo.layers.field_layer import FieldLayer


@keras.saving.register_keras_serializable(package="kregzoo")
class ComposeTransform(FieldLayer):
    """Compose two transforms, so that an image is resampled only once.

    Call it on `[outer, inner]`, each a displacement `(B, *spatial, D)` or an affine
    matrix `(B, D, D + 1)`, in voxels. The result maps a point by `inner`, then by
    `outer`. An image is warped in the opposite order: by `outer`, then by `inner`. The
    result is an affine matrix if both transforms are, and a displacement otherwise.

    Args:
        **kwargs: arguments of `keras.layers.Layer`; `dtype` defaults to `"float32"`.

    Example:
        >>> shift = keras.ops.ones((1, 4, 4, 2))
        >>> float(ComposeTransform()([shift, shift])[0, 0, 0, 0])
        2.0
    """

    def call(self, inputs):
        outer, inner = inputs
        if _is_affine(outer.shape) and _is_affine(inner.shape):
            return ops.compose_affine(outer, inner)
        if _is_affine(outer.shape):
            outer = ops.affine_to_displacement(outer, inner.shape[1:-1])
        elif _is_affine(inner.shape):
            inner = ops.affine_to_displacement(inner, outer.shape[1:-1])
        return ops.compose(outer, inner)

    def compute_output_shape(self, input_shape):
        outer, inner = input_shape
        return tuple(outer if _is_affine(inner) else inner)


def _is_affine(shape):
    return len(shape) == 3
