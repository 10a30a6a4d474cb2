import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy as to_numpy
from scipy import ndimage

from kregzoo.ops.sampling import inside, interpolate

rng = np.random.default_rng(0)


@pytest.mark.parametrize("spatial", [(3, 4), (3, 4, 5)])
def test_inside_marks_half_a_voxel_around_the_grid(spatial):
    points = rng.uniform(-2, np.array(spatial) + 1, (2, 200, len(spatial)))
    expected = ((points > -0.5) & (points < np.array(spatial) - 0.5)).all(axis=-1)
    np.testing.assert_array_equal(to_numpy(inside(points, spatial))[..., 0], expected)
    edges = np.array([[-0.5, -0.51, 3.5, 3.51]]).reshape(1, 4, 1)
    marks = to_numpy(inside(edges, (4,))).ravel()
    np.testing.assert_array_equal(marks, [1, 0, 1, 0])


@pytest.mark.parametrize("order, interpolation", [(0, "nearest"), (1, "linear")])
@pytest.mark.parametrize("relative", [False, True])
def test_interpolate_matches_scipy_on_any_backend(relative, order, interpolation):
    spatial = (5, 6, 7)
    image = rng.normal(size=(1, *spatial, 2)).astype("float32")
    field = rng.uniform(-1.6, 1.4, (1, *spatial, 3)).astype("float32")
    points = field + np.moveaxis(np.indices(spatial), 0, -1)
    given = field if relative else points.astype("float32")
    found = interpolate(
        ops.convert_to_tensor(image),
        ops.convert_to_tensor(given),
        interpolation,
        "border",
        relative,
    )
    for channel in range(2):
        expected = ndimage.map_coordinates(
            image[0, ..., channel],
            np.moveaxis(points[0], -1, 0),
            order=order,
            mode="nearest",
        )
        np.testing.assert_allclose(
            to_numpy(found)[0, ..., channel], expected, atol=1e-5
        )
