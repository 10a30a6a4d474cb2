import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import scipy.linalg
from keras import ops
from keras.ops import convert_to_numpy as to_numpy
from scipy import ndimage

from kregzoo.ops.gradients import value_and_grad
from kregzoo.ops.warping import (
    compose,
    identity_grid,
    integrate,
    invert,
    sample,
    warp,
)

rng = np.random.default_rng(0)
seeds = st.integers(0, 2**16)
few = hypothesis.settings(max_examples=10, deadline=None)

# Many points take the compiled path, where a backend has one.
CASES = [((7, 9), 50), ((5, 6, 7), 50), ((5, 6, 7), 120_000)]


def random_points(spatial, count):
    """Points in and around a grid, none on a voxel or halfway between two."""
    whole = rng.integers(-2, np.array(spatial) + 1, size=(2, count, len(spatial)))
    fraction = rng.uniform(0.1, 0.4, size=whole.shape)
    half = rng.choice([0, 0.5], size=whole.shape)
    return (whole + fraction + half).astype("float32")


def smooth_field(spatial, seed, amplitude=1.0):
    """A random displacement `(1, *spatial, D)`, of zero on the border."""
    noise = np.random.default_rng(seed).normal(size=(len(spatial), *spatial))
    field = np.stack([ndimage.gaussian_filter(part, 3) for part in noise], axis=-1)
    for axis, size in enumerate(spatial):
        hann = np.sin(np.linspace(0, np.pi, size)) ** 2
        field *= hann.reshape([-1 if i == axis else 1 for i in range(field.ndim)])
    return (amplitude * field / np.abs(field).max())[None].astype("float32")


def linear_field(matrix, spatial):
    """`matrix (x - c)` for every voxel `x`, with `c` the center of the grid."""
    grid = np.moveaxis(np.indices(spatial), 0, -1) - (np.array(spatial) - 1) / 2
    return (grid @ matrix.T)[None].astype("float32")


def interior(field, margin):
    field = to_numpy(field)
    return field[:, *(slice(margin, -margin),) * (field.ndim - 2)]


def test_identity_grid_holds_the_indices():
    expected = np.moveaxis(np.indices((3, 4, 5)), 0, -1)
    np.testing.assert_array_equal(identity_grid((3, 4, 5)), expected)


@pytest.mark.parametrize("fill", ["border", "zeros"])
@pytest.mark.parametrize("order, interpolation", [(0, "nearest"), (1, "linear")])
@pytest.mark.parametrize("spatial, count", CASES)
def test_sample_matches_scipy(spatial, count, order, interpolation, fill):
    image = rng.normal(size=(2, *spatial, 3)).astype("float32")
    points = random_points(spatial, count)
    expected = np.zeros((2, count, 3))
    for b, c in np.ndindex(2, 3):
        expected[b, :, c] = ndimage.map_coordinates(
            image[b, ..., c], points[b].T, order=order, mode="nearest"
        )
    if fill == "zeros":
        # Inside reaches half a voxel beyond the outermost voxel centers.
        covered = (points > -0.5) & (points < np.array(spatial) - 0.5)
        expected *= covered.all(axis=-1, keepdims=True)
    actual = to_numpy(sample(image, points, interpolation, fill))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("fill", ["border", "zeros"])
@pytest.mark.parametrize("spatial, count", CASES)
def test_gradients_of_sample(spatial, count, fill):
    image, other = rng.normal(size=(2, 2, *spatial, 3)).astype("float32")
    points = random_points(spatial, count)
    probe = rng.normal(size=(2, count, 3)).astype("float32")

    def values(image, points):
        return to_numpy(sample(image, points, fill=fill)).astype("float64")

    def energy(image, points):
        values = sample(image, points, fill=fill)
        return ops.sum(values * ops.convert_to_tensor(probe))

    _, (of_image, of_points) = value_and_grad(energy, [image, points])
    # Linear in the image: its gradient gives the energy of any other image.
    expected = np.sum(values(other, points) * probe)
    actual = np.sum(to_numpy(of_image).astype("float64") * other)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-2)
    # Linear between voxels along each axis: differences are exact.
    for axis, step in enumerate(0.05 * np.eye(len(spatial), dtype="float32")):
        slope = (values(image, points + step) - values(image, points - step)) / 0.1
        expected = np.sum(slope * probe, axis=-1)
        np.testing.assert_allclose(to_numpy(of_points)[..., axis], expected, atol=2e-3)


@pytest.mark.parametrize("fill", ["border", "zeros"])
@pytest.mark.parametrize("reach", [0.9, 1.0, 3.0])
@pytest.mark.parametrize("spatial", [(300, 420), (61, 58, 60)])
def test_gradient_of_warp_is_the_adjoint(spatial, reach, fill):
    shape = (2, *spatial)
    image, other, probe = rng.normal(size=(3, *shape, 3)).astype("float32")
    field = rng.uniform(-reach, reach, (*shape, len(spatial))).astype("float32")

    def energy(image):
        return ops.sum(warp(image, field, fill=fill) * ops.convert_to_tensor(probe))

    _, (gradient,) = value_and_grad(energy, [image])
    warped = to_numpy(warp(other, field, fill=fill)).astype("float64")
    np.testing.assert_allclose(
        np.sum(to_numpy(gradient).astype("float64") * other),
        np.sum(warped * probe),
        rtol=1e-4,
        atol=1e-2,
    )


def test_nearest_keeps_labels_and_linear_makes_floats():
    labels = np.array([3, 9], "int32").reshape(1, 1, 2, 1)
    point = np.array([[[0.0, 0.75]]])
    nearest = to_numpy(sample(labels, point, "nearest"))
    assert nearest.dtype == "int32" and nearest.item() == 9
    assert to_numpy(sample(labels, point, "linear")).item() == 7.5


def test_coordinates_stay_float32_for_half_precision_images():
    image = np.zeros((1, 1, 3000, 1), "float16")
    image[0, 0, 2501] = 1
    values = sample(image, np.array([[[0.0, 2500.5]]]))
    assert to_numpy(values).dtype == "float16"
    assert to_numpy(values).item() == 0.5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("fill", ["border", "zeros"])
def test_warped_images_and_gradients_keep_their_dtype(dtype, fill):
    array = rng.normal(size=(1, 6, 7, 5, 2)).astype("float32")
    field = rng.uniform(-2, 2, (1, 6, 7, 5, 3)).astype("float32")
    image = ops.cast(array, dtype)

    def energy(image, field):
        return ops.sum(ops.cast(warp(image, field, fill=fill), "float32"))

    warped = warp(image, field, fill=fill)
    expected = warp(ops.cast(image, "float32"), field, fill=fill)
    _, gradients = value_and_grad(energy, [image, ops.convert_to_tensor(field)])
    assert keras.backend.standardize_dtype(warped.dtype) == dtype
    found = [keras.backend.standardize_dtype(part.dtype) for part in gradients]
    assert found == [dtype, "float32"]
    rounded = to_numpy(ops.cast(warped, "float32"))
    np.testing.assert_allclose(rounded, to_numpy(expected), atol=0.05)


@pytest.mark.parametrize("fill", ["border", "zeros"])
@pytest.mark.parametrize("spatial", [(1, 6), (6, 1), (1, 1), (1, 5, 6), (5, 1, 1)])
def test_axes_of_one_voxel(spatial, fill):
    image = rng.normal(size=(2, *spatial, 2)).astype("float32")
    field = rng.uniform(-0.4, 0.4, (2, *spatial, len(spatial))).astype("float32")
    field[..., np.array(spatial) > 1] *= 4

    def energy(image, field):
        return ops.sum(ops.square(warp(image, field, fill=fill)))

    _, gradients = value_and_grad(energy, [image, field])
    points = np.indices(spatial)[None] + np.moveaxis(field, -1, 1)
    inside = np.all(
        [(-0.5 <= p) & (p <= n - 0.5) for p, n in zip(points[0], spatial, strict=True)],
        axis=0,
    )
    expected = ndimage.map_coordinates(
        image[0, ..., 1], points[0], order=1, mode="nearest"
    )
    expected = expected * (inside if fill == "zeros" else 1.0)
    actual = to_numpy(warp(image, field, fill=fill))[0, ..., 1]
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    of_field = to_numpy(gradients[1])
    assert np.isfinite(of_field).all() and np.isfinite(to_numpy(gradients[0])).all()
    assert (of_field[..., np.array(spatial) == 1] == 0).all()


def test_gradient_of_integration_matches_differences():
    velocity = 2 * smooth_field((9, 8, 10), seed=3)
    probe, direction = rng.normal(size=(2, *velocity.shape)).astype("float32")

    def energy(velocity):
        return ops.sum(integrate(velocity, 4) * ops.convert_to_tensor(probe))

    _, (gradient,) = value_and_grad(energy, [velocity])
    # Steps over whole voxels would change the slope of linear interpolation.
    ends = [
        np.sum(to_numpy(integrate(velocity + step * direction, 4)) * probe, dtype=float)
        for step in (1e-3, -1e-3)
    ]
    slope = np.sum(to_numpy(gradient) * direction, dtype=float)
    scale = np.linalg.norm(to_numpy(gradient)) * np.linalg.norm(direction)
    assert abs((ends[0] - ends[1]) / 2e-3 - slope) < 5e-3 * scale


def test_wrong_arguments_are_refused():
    image, points = np.ones((1, 4, 4, 1)), np.ones((1, 4, 4, 2))
    with pytest.raises(ValueError, match="interpolation='cubic'"):
        sample(image, points, "cubic")
    with pytest.raises(ValueError, match="fill='reflect'"):
        warp(image, points, fill="reflect")
    with pytest.raises(ValueError, match="2 spatial axes"):
        warp(image, np.ones((1, 4, 4, 3)))
    with pytest.raises(ValueError, match="steps=-1"):
        integrate(points, steps=-1)


@pytest.mark.parametrize("spatial", [(7, 9), (5, 6, 7), (61, 58, 60)])
def test_warp_samples_at_the_voxel_plus_its_displacement(spatial):
    image = rng.normal(size=(1, *spatial, 2)).astype("float32")
    displacement = smooth_field(spatial, seed=1, amplitude=3)
    coordinates = np.moveaxis(displacement[0], -1, 0) + np.indices(spatial)
    expected = [
        ndimage.map_coordinates(channel, coordinates, order=1, mode="nearest")
        for channel in np.moveaxis(image[0], -1, 0)
    ]
    actual = np.moveaxis(to_numpy(warp(image, displacement))[0], -1, 0)
    np.testing.assert_allclose(actual, expected, atol=1e-4)


@few
@hypothesis.given(seeds, st.integers(-4, 4), st.integers(-4, 4))
def test_warp_by_whole_voxels_is_a_shift(seed, down, right):
    image = np.random.default_rng(seed).normal(size=(1, 6, 7, 2)).astype("float32")
    displacement = np.broadcast_to(np.array([down, right]), (1, 6, 7, 2))
    padded = np.pad(image[0], [(4, 4), (4, 4), (0, 0)])
    expected = padded[4 + down : 10 + down, 4 + right : 11 + right]
    for interpolation in ("linear", "nearest"):
        actual = to_numpy(warp(image, displacement, interpolation, fill="zeros"))
        np.testing.assert_allclose(actual[0], expected, atol=1e-6)


@few
@hypothesis.given(seeds)
def test_warp_is_linear_in_the_image_and_stays_in_its_range(seed):
    random = np.random.default_rng(seed)
    one, other = random.normal(size=(2, 1, 5, 4, 6, 1)).astype("float32")
    displacement = random.normal(size=(1, 5, 4, 6, 3), scale=3)
    warped = to_numpy(warp(one, displacement))
    total = to_numpy(warp(one + 2 * other, displacement))
    expected = warped + 2 * to_numpy(warp(other, displacement))
    np.testing.assert_allclose(total, expected, atol=1e-5)
    assert one.min() - 1e-6 <= warped.min() and warped.max() <= one.max() + 1e-6


@pytest.mark.parametrize("spatial", [(12, 14), (8, 9, 10)])
def test_compose_of_linear_fields_is_the_product_of_their_maps(spatial):
    ndim = len(spatial)
    outer, inner = rng.uniform(-0.1, 0.1, size=(2, ndim, ndim))
    eye = np.eye(ndim)
    product = (eye + outer) @ (eye + inner) - eye
    actual = compose(linear_field(outer, spatial), linear_field(inner, spatial))
    expected = linear_field(product, spatial)
    np.testing.assert_allclose(
        interior(actual, 2), interior(expected, 2), rtol=1e-4, atol=1e-5
    )


@few
@hypothesis.given(seeds)
def test_compose_warps_at_once_what_two_warps_do(seed):
    spatial = (16, 18)
    ramp = np.moveaxis(np.indices(spatial), 0, -1)[None].astype("float32")
    outer, inner = smooth_field(spatial, seed), smooth_field(spatial, seed + 1)
    twice = to_numpy(warp(warp(ramp, outer), inner))
    once = to_numpy(warp(ramp, compose(outer, inner)))
    np.testing.assert_allclose(once, twice, atol=1e-4)


@pytest.mark.parametrize("spatial", [(20, 22), (14, 16, 15)])
def test_integrate_of_a_linear_velocity_is_the_matrix_exponential(spatial):
    matrix = rng.uniform(-0.2, 0.2, size=(len(spatial),) * 2)
    flow = scipy.linalg.expm(matrix) - np.eye(len(spatial))
    actual = integrate(linear_field(matrix, spatial), steps=9)
    expected = linear_field(flow, spatial)
    np.testing.assert_allclose(interior(actual, 4), interior(expected, 4), atol=5e-3)


def test_integrate_without_steps_is_the_velocity():
    velocity = smooth_field((6, 7), seed=0)
    np.testing.assert_array_equal(to_numpy(integrate(velocity, steps=0)), velocity)


@few
@hypothesis.given(seeds)
def test_opposite_velocities_integrate_to_inverses(seed):
    velocity = smooth_field((20, 20), seed)
    there, back = integrate(velocity), integrate(-velocity)
    # Linear interpolation flattens the bends of a velocity of one voxel.
    np.testing.assert_allclose(to_numpy(compose(back, there)), 0, atol=0.15)


@pytest.mark.parametrize("spatial", [(20, 22), (14, 16, 15)])
def test_invert_of_a_linear_field_is_the_inverse_matrix(spatial):
    eye = np.eye(len(spatial))
    matrix = rng.uniform(-0.1, 0.1, size=eye.shape)
    expected = linear_field(np.linalg.inv(eye + matrix) - eye, spatial)
    actual = invert(linear_field(matrix, spatial), iterations=30)
    np.testing.assert_allclose(interior(actual, 4), interior(expected, 4), atol=1e-4)


@few
@hypothesis.given(seeds)
def test_a_field_and_its_inverse_cancel(seed):
    displacement = smooth_field((16, 18), seed)
    inverse = invert(displacement, iterations=50)
    np.testing.assert_allclose(to_numpy(compose(displacement, inverse)), 0, atol=1e-3)
