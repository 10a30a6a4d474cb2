import keras
import pytest

from kregzoo.blocks import unet


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("half", [False, True])
def test_levels_and_widths(ndim, half):
    inputs = keras.Input((32,) * ndim + (2,))
    output = unet(inputs, (4, 6, 8), (10, 12, 14, 16, 18, 20), half)
    model = keras.Model(inputs, output)
    size, width = (16, 16) if half else (32, 20)
    assert output.shape == (None, *(size,) * ndim, width)

    def sizes(layer):
        return tuple(set(model.get_layer(layer).output.shape[1:-1]))

    # Strided down to an eighth, then up level by level, each joined with its skip.
    assert [sizes(f"encoder_{level}") for level in (1, 2, 3)] == [(16,), (8,), (4,)]
    assert [sizes(f"decoder_{level}") for level in (3, 2, 1)] == [(4,), (8,), (16,)]

    def channels(layer):
        return model.get_layer(layer).kernel.shape[-2]

    assert [channels(f"decoder_{level}") for level in (2, 1)] == [10 + 6, 12 + 4]
    assert ("full_resolution_1" in [layer.name for layer in model.layers]) is not half
    if not half:
        assert channels("full_resolution_1") == 16 + 2


def test_spatial_size_may_be_open():
    output = unet(keras.Input((None, None, 2)), (4, 4), (4, 4, 4, 4))
    assert output.shape == (None, None, None, 4)
