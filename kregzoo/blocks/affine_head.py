"""Head that predicts an affine matrix."""

import numpy as np
from keras import layers


def affine_head(x, spatial, unit):
    """Predict affine matrices from features, starting at the identity.

    Args:
        x: Keras tensor `(B, features)`.
        spatial: tuple of D ints. Spatial shape of the image.
        unit: float or D floats. Voxels along each axis by which a raw output of 1 moves
            the faces of the image (matrix) or the whole image (translation).

    Returns:
        Keras tensor `(B, D, D + 1)`, matrices in voxels about the center of the image.

    Example:
        >>> import keras
        >>> affine_head(keras.Input((8,)), (32, 32), 0.1).shape
        (None, 2, 3)
    """
    ndim = len(spatial)
    reach = np.append(np.array(spatial) / 2, 1.0)
    units = np.broadcast_to(unit, (ndim,))[:, None] / reach
    offsets = layers.Dense(
        ndim * (ndim + 1), kernel_initializer="zeros", dtype="float32", name="offsets"
    )(x)
    matrix = layers.Rescaling(
        units.ravel().tolist(),
        np.eye(ndim, ndim + 1).ravel().tolist(),
        dtype="float32",
        name="in_voxels",
    )(offsets)
    return layers.Reshape((ndim, ndim + 1), name="affine")(matrix)
