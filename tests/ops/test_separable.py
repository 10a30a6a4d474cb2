import numpy as np
import pytest
import scipy.interpolate
from keras import ops
from keras.ops import convert_to_numpy as to_numpy

from kregzoo.ops.gradients import value_and_grad
from kregzoo.ops.separable import (
    apply_along_axes,
    bspline,
    resize,
    resize_field,
)

rng = np.random.default_rng(0)


@pytest.mark.parametrize("spatial", [(5, 6), (5, 6, 7), (9, 6, 3)])
def test_apply_along_axes_is_a_tensor_product(spatial):
    x = rng.normal(size=(2, *spatial, 3)).astype("float32")
    matrices = [rng.normal(size=(6, n)) for n in spatial]
    matrices[1] = None
    expected = x
    for axis, matrix in enumerate(matrices, start=1):
        if matrix is not None:
            expected = np.moveaxis(np.tensordot(expected, matrix, (axis, 1)), -1, axis)
    actual = to_numpy(apply_along_axes(x, matrices))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_apply_along_axes_needs_matrices_that_fit():
    x = np.ones((1, 4, 5, 1), "float32")
    for matrices in ([np.eye(4)], [np.eye(5), np.eye(4)], [np.eye(4)] * 3):
        with pytest.raises(ValueError, match="one `\\(n_out, n_in\\)` array"):
            apply_along_axes(x, matrices)


@pytest.mark.parametrize("old, new", [((8, 6), (4, 12)), ((5, 6, 7), (11, 6, 3))])
def test_resize_matches_interpolation_at_half_voxel_positions(old, new):
    image = rng.normal(size=(2, *old, 3)).astype("float32")
    axes = [
        np.clip((np.arange(n) + 0.5) * m / n - 0.5, 0, m - 1)
        for n, m in zip(new, old, strict=True)
    ]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    grid = [np.arange(m) for m in old]
    expected = [scipy.interpolate.interpn(grid, sample, points) for sample in image]
    np.testing.assert_allclose(to_numpy(resize(image, new)), expected, atol=1e-5)


def test_resize_of_integers_and_of_one_voxel():
    image = np.array([0, 1], "int32").reshape(1, 2, 1, 1)
    resized = to_numpy(resize(image, (4, 3)))[0, ..., 0]
    np.testing.assert_allclose(resized, np.outer([0, 0.25, 0.75, 1], [1, 1, 1]))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 4), (4, 0), (4, None)])
def test_resize_refuses_a_wrong_shape(shape):
    with pytest.raises(ValueError, match="2 spatial axes. Received"):
        resize(np.ones((1, 8, 8, 1)), shape)


def test_resize_field_keeps_the_motion():
    # The same affine motion, written on two grids of one field of view.
    def field(shape):
        centered = [(np.arange(n) + 0.5) / n - 0.5 for n in shape]
        z, y, x = np.meshgrid(*centered, indexing="ij")
        return np.stack([0.1 * z + 0.3 * y, 0.2 * x, 0.4 * y - z], -1)[None] * shape

    fine = to_numpy(resize_field(field((8, 10, 6)), (16, 20, 12)))
    inner = (slice(None), *(slice(1, -1),) * 3)
    np.testing.assert_allclose(fine[inner], field((16, 20, 12))[inner], atol=1e-5)
    assert fine.dtype == "float32"


@pytest.mark.parametrize("n, n_control", [(32, 7), (20, 8), (9, 12), (6, 4)])
def test_bspline_matches_scipy(n, n_control):
    coefficients = rng.normal(size=(n_control, 5))
    # Control point k is centered on knot k + 2, so position p is p in these knots.
    knots = np.arange(n_control + 4) - 2.0
    spline = scipy.interpolate.BSpline(knots, coefficients, 3)
    position = 1 + (np.arange(n) + 0.5) * (n_control - 3) / n
    expected = spline(position)
    controls = np.broadcast_to(coefficients[None, :, None], (1, n_control, 4, 5))
    actual = to_numpy(bspline(controls, (n, 3)))
    np.testing.assert_allclose(actual[0, :, 1], expected, atol=1e-5)


@pytest.mark.parametrize(
    "spatial, controls", [((9, 12), (5, 4)), ((8, 9, 7), (4, 6, 9))]
)
def test_bspline_sums_to_one(spatial, controls):
    ones = to_numpy(bspline(np.ones((1, *controls, 1)), spatial))
    np.testing.assert_allclose(ones, 1, atol=1e-6)


def test_bspline_reproduces_a_linear_ramp():
    controls = np.arange(9.0).reshape(1, 9, 1, 1) * np.ones((1, 9, 4, 1))
    ramp = to_numpy(bspline(controls, (24, 2)))[0, :, 0, 0]
    np.testing.assert_allclose(ramp, 1 + (np.arange(24) + 0.5) / 4, rtol=1e-5)


def test_bspline_needs_four_control_points():
    with pytest.raises(ValueError, match="at least 4 control points"):
        bspline(ops.ones((1, 3, 4, 2)), (8, 8))


def test_resize_in_a_functional_model_of_unknown_batch():
    import keras

    inputs = keras.Input((6, 4, 2))
    model = keras.Model(inputs, bspline(resize_field(inputs, (5, 5)), (10, 8)))
    assert model.output_shape == (None, 10, 8, 2)
    assert model.predict(np.ones((3, 6, 4, 2)), verbose=0).shape == (3, 10, 8, 2)


def test_the_gradient_of_resize_field_is_its_transpose():
    field = rng.normal(size=(1, 5, 4, 2)).astype("float32")
    probe = ops.convert_to_tensor(rng.normal(size=(1, 8, 9, 2)), dtype="float32")
    energy, (gradient,) = value_and_grad(
        lambda field: ops.sum(resize_field(field, (8, 9)) * probe), [field]
    )
    # For a linear map the slope times the argument is the value itself.
    np.testing.assert_allclose(
        np.sum(to_numpy(gradient) * field), to_numpy(energy), rtol=1e-4
    )
