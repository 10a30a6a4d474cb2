"""Every layer of the tables, by the shapes that it makes of images."""

import numpy as np
import pytest

from kregzoo.blocks import convolutions

# Arguments, and the size of an axis of 8 voxels and the channels afterwards.
CASES = {
    "CONVOLUTIONS": ({"filters": 5, "kernel_size": 3}, 6, 5),
    "TRANSPOSED_CONVOLUTIONS": (
        {"filters": 5, "kernel_size": 2, "strides": 2},
        16,
        5,
    ),
    "ZERO_PADDINGS": ({"padding": 1}, 10, 2),
}
IMAGES = {
    ndim: np.random.default_rng(0).uniform(size=(1, *(8,) * ndim, 2)).astype("float32")
    for ndim in (2, 3)
}


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_layers_have_as_many_axes_as_the_image(name, ndim):
    arguments, size, channels = CASES[name]
    layer = getattr(convolutions, name)[ndim](**arguments)
    assert layer(IMAGES[ndim]).shape == (1, *(size,) * ndim, channels)


@pytest.mark.parametrize("ndim", [2, 3])
def test_poolings_are_of_their_kind(ndim):
    image = IMAGES[ndim]
    blocks = image.reshape(1, *(4, 2) * ndim, 2)
    axes = tuple(range(2, 2 * ndim + 1, 2))
    for name, reduce in (("AVERAGE", np.mean), ("MAX", np.max)):
        layer = getattr(convolutions, f"{name}_POOLINGS")[ndim](2)
        expected = reduce(blocks, axis=axes)
        np.testing.assert_allclose(layer(image), expected, rtol=1e-5)
    layer = convolutions.GLOBAL_AVERAGE_POOLINGS[ndim]()
    expected = image.mean(axis=tuple(range(1, ndim + 1)))
    np.testing.assert_allclose(layer(image), expected, rtol=1e-5)
