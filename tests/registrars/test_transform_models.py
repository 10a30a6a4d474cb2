import numpy as np
import pytest
from keras import ops as kops
from scipy import ndimage

from kregzoo.registrars import Affine, BSpline, Displacement, Rigid, Velocity
from tests.helpers import assert_close, random_field

MODELS = [Rigid(), Affine(), BSpline(6.0), Displacement(2), Velocity(2)]
SHAPE = {2: (24, 32), 3: (12, 16, 20)}


def numbers(model, shape, seed=0):
    """Random parameters of a fraction of a voxel, smooth where they are fields."""
    start = model.initial(shape)
    if start.ndim == 2:
        return np.random.default_rng(seed).normal(size=start.shape).astype("float32")
    return random_field(1, start.shape[1:-1], amplitude=0.5, seed=seed)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("ndim", [2, 3])
def test_initial_parameters_are_the_identity(model, ndim):
    shape = SHAPE[ndim]
    field = kops.convert_to_numpy(model.displacement(model.initial(shape), shape))
    assert field.shape == (1, *shape, ndim)
    assert field.dtype == "float32"
    np.testing.assert_allclose(field, 0.0, atol=1e-7)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_finer_grid_gets_the_same_transform(model, ndim):
    coarse = SHAPE[ndim]
    fine = tuple(2 * size for size in coarse)
    parameters = numbers(model, coarse)
    if isinstance(model, BSpline):
        # Its control points are those of the finest grid at every level.
        parameters = numbers(model, fine)
    expected = kops.convert_to_numpy(model.displacement(parameters, coarse))
    resized = model.resize(parameters, coarse, fine)
    field = kops.convert_to_numpy(model.displacement(resized, fine))
    # Averaging 2**D voxels gives the value at the center of the coarse one.
    for axis in range(1, ndim + 1):
        field = (
            np.take(field, range(0, field.shape[axis], 2), axis)
            + np.take(field, range(1, field.shape[axis], 2), axis)
        ) / 2
    inner = (slice(None), *[slice(2, -2)] * ndim)
    assert_close(field[inner] / 2, expected[inner], atol=0.02)


@pytest.mark.parametrize("ndim", [2, 3])
def test_one_of_any_linear_parameter_moves_a_face_by_about_one_voxel(ndim):
    shape = (32,) * ndim
    for model in (Rigid(), Affine()):
        count = model.initial(shape).size
        assert count == {Rigid: (3, 6), Affine: (6, 12)}[type(model)][ndim - 2]
        for index in range(count):
            parameters = np.zeros((1, count), "float32")
            parameters[0, index] = 1.0
            field = kops.convert_to_numpy(model.displacement(parameters, shape))
            assert 0.9 < np.abs(field).max() < 1.1


@pytest.mark.parametrize("ndim", [2, 3])
def test_rigid_keeps_distances_and_affine_need_not(ndim):
    shape = SHAPE[ndim]
    linear = {}
    for model in (Rigid(), Affine()):
        matrix = kops.convert_to_numpy(model.affine(numbers(model, shape), shape))
        linear[type(model)] = matrix[0, :, :ndim]
    assert_close(linear[Rigid] @ linear[Rigid].T, np.eye(ndim))
    assert np.abs(linear[Affine] @ linear[Affine].T - np.eye(ndim)).max() > 0.01


def test_displacement_is_linear_interpolation_of_its_vectors():
    parameters = random_field(1, (8, 8), amplitude=1.0)
    field = kops.convert_to_numpy(Displacement(2).displacement(parameters, (16, 16)))
    where = (np.stack(np.meshgrid(*[np.arange(16.0)] * 2, indexing="ij")) + 0.5) / 2
    for axis in range(2):
        expected = 2 * ndimage.map_coordinates(
            parameters[0, ..., axis], where - 0.5, order=1, mode="nearest"
        )
        assert_close(field[0, ..., axis], expected)


def test_velocity_flows_where_an_ode_solver_says():
    # A rotation about the center: the flow of a linear field is a matrix exponential.
    shape, angle = (32, 32), 0.3
    index = np.stack(np.meshgrid(*[np.arange(16.0)] * 2, indexing="ij"), -1) - 7.5
    velocity = angle * np.stack([-index[..., 1], index[..., 0]], -1)
    field = kops.convert_to_numpy(
        Velocity(2).displacement(velocity[None].astype("float32"), shape)
    )
    fine = np.stack(np.meshgrid(*[np.arange(32.0)] * 2, indexing="ij"), -1) - 15.5
    cos, sin = np.cos(angle), np.sin(angle)
    turned = fine @ np.array([[cos, -sin], [sin, cos]]).T
    inner = (slice(10, -10),) * 2
    assert_close(field[0][inner], (turned - fine)[inner], atol=0.02)


def test_parameters_of_a_network_s_field():
    model, shape = Displacement(2), (16, 16)
    field = random_field(1, shape, amplitude=1.0, sigma=3.0)
    parameters = model.parameters(field, shape)
    assert tuple(parameters.shape) == (1, 8, 8, 2)
    back = kops.convert_to_numpy(model.displacement(parameters, shape))
    assert np.abs(back - field).max() < 0.15
