"""When PyTorch's own `grid_sample` does the work."""

import keras
import numpy as np
import pytest

from kregzoo import ops

if keras.backend.backend() != "torch":
    pytest.skip("for PyTorch alone", allow_module_level=True)

from kregzoo.ops import _torch


@pytest.fixture
def called(monkeypatch):
    """Grows by one with every call of `grid_sample`."""
    calls, original = [], _torch.functional.grid_sample

    def counted(*args, **options):
        calls.append(options)
        return original(*args, **options)

    monkeypatch.setattr(_torch.functional, "grid_sample", counted)
    return calls


@pytest.mark.parametrize(
    ("ndim", "interpolation", "expected"),
    [(1, "linear", 0), (2, "linear", 1), (3, "linear", 1), (3, "nearest", 0)],
)
def test_linear_samples_in_two_and_three_axes_are_its_own(
    called, ndim, interpolation, expected
):
    image = np.ones((1, *(5,) * ndim, 2), "float32")
    points = np.full((1, 4, ndim), 1.5, "float32")
    values = ops.sample(image, points, interpolation)
    assert len(called) == expected
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), 1.0)


def test_an_axis_of_one_voxel_has_no_scale(called):
    image = np.arange(5.0, dtype="float32").reshape(1, 1, 5, 1)
    points = np.array([[[0.0, 2.5], [0.0, 3.25]]], "float32")
    values = keras.ops.convert_to_numpy(ops.sample(image, points))
    assert called
    np.testing.assert_allclose(values.ravel(), [2.5, 3.25], atol=1e-6)
