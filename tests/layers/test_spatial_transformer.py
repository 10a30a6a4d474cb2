import keras
import numpy as np
import pytest
from scipy import ndimage

from kregzoo.layers import SpatialTransformer
from tests.helpers import (
    assert_close,
    assert_gradient,
    random_field,
    random_image,
    run_layer_test,
)

SHAPES = [(12, 10), (10, 8, 9)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_warps_as_scipy(shape, interpolation, tmp_path):
    image = random_image((2, *shape, 2))
    displacement = random_field(2, shape)
    output = run_layer_test(
        SpatialTransformer,
        {"interpolation": interpolation},
        [image, displacement],
        image.shape,
        tmp_path,
    )
    grid = np.moveaxis(np.indices(shape), 0, -1)
    for sample in range(2):
        points = np.moveaxis(grid + displacement[sample], -1, 0)
        for channel in range(2):
            expected = ndimage.map_coordinates(
                image[sample, ..., channel],
                points,
                order=1 if interpolation == "linear" else 0,
                mode="nearest",
            )
            assert_close(output[sample, ..., channel], expected)


def test_fills_the_outside_with_zeros():
    image = np.ones((1, 6, 6, 1), "float32")
    shift = np.full((1, 6, 6, 2), [3.0, 0.0], "float32")
    warped = SpatialTransformer(fill="zeros")([image, shift])
    assert_close(np.sum(keras.ops.convert_to_numpy(warped)), 3 * 6)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape):
    image = random_image((1, *shape, 1))
    # Away from whole voxels, where linear interpolation has kinks.
    displacement = 0.5 + random_field(1, shape, amplitude=0.3)
    layer = SpatialTransformer()
    assert_gradient(lambda x: layer([x, displacement]), image)
    assert_gradient(lambda u: layer([image, u]), displacement)


def test_output_lies_on_the_grid_of_the_displacement():
    layer = SpatialTransformer()
    image, displacement = random_image((1, 8, 8, 3)), np.zeros((1, 5, 6, 2), "float32")
    assert layer([image, displacement]).shape == (1, 5, 6, 3)
    symbolic = layer([keras.Input((None, None, 3)), keras.Input((None, None, 2))])
    assert symbolic.shape == (None, None, None, 3)


@pytest.mark.parametrize("argument", ["interpolation", "fill"])
def test_rejects_unknown_sampling(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be.*cubic"):
        SpatialTransformer(**{argument: "cubic"})
