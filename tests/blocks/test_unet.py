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

    # Strided down to an eighth, back up level by level, each joined with its skip.
    assert [sizes(f"encoder_{level}") for level in (1, 2, 3)] == [(16,), (8,), (4,)]
    assert [sizes(f"decoder_{level}") for level in (3, 2, 1)] == [(4,), (8,), (16,)]
    assert model.get_layer("join_3").output.shape[-1] == 10 + 6
    assert model.get_layer("join_2").output.shape[-1] == 12 + 4
    names = [layer.name for layer in model.layers]
    assert ("join_1" in names) is not half
    if not half:
        assert model.get_layer("join_1").output.shape[-1] == 16 + 2


def test_spatial_size_may_be_open():
    output = unet(keras.Input((None, None, 2)), (4, 4), (4, 4, 4, 4))
    assert output.shape == (None, None, None, 4)
