"""Inputs that all implementations share, and gradients with a closed form."""

import numpy as np
import pytest

from kregzoo.evaluation.benchmark_cases.frameworks import (
    images,
    keras_work,
    smooth_field,
    torch_images,
    torch_work,
)
from tests.evaluation.benchmark_cases.small import SIZE, numpy_of

ARRAY = np.array([1.0, -2.0, 0.5], "float32")


def test_images_are_noise():
    found = images(SIZE)
    assert found.shape == (2, 1, *SIZE, 1) and found.dtype == "float32"
    # The moments of a uniform distribution.
    assert found.mean() == pytest.approx(1 / 2, abs=0.02)
    assert found.var() == pytest.approx(1 / 12, abs=0.005)
    assert abs(np.corrcoef(*found.reshape(2, -1))[0, 1]) < 0.05


def test_samples_of_the_field_never_fall_outside():
    field = smooth_field(SIZE)[0]
    for axis in range(3):
        np.testing.assert_allclose(field.take((0, -1), axis), 0.0, atol=1e-5)
    points = field + np.moveaxis(np.indices(SIZE), 0, -1)
    assert points.min() > -0.5 and points.max() < 15.5
    assert np.abs(field).max() > 1.0


@pytest.mark.parametrize("work", [keras_work, torch_work])
def test_the_gradient_is_that_of_the_sum_of_squares(work):
    arguments = [[ARRAY]]
    if work is torch_work:
        pytest.importorskip("torch")
        arguments = [ARRAY, "cpu"]
    forward = work(lambda x: 3.0 * x, *arguments, False)
    np.testing.assert_allclose(numpy_of(forward()), 3.0 * ARRAY)
    backward = work(lambda x: 3.0 * x, *arguments, True)
    np.testing.assert_allclose(numpy_of(backward()), 18.0 * ARRAY)


def test_torch_gets_the_same_images_with_channels_first():
    pytest.importorskip("torch")
    found = np.stack([image.numpy() for image in torch_images(SIZE, "cpu")])
    np.testing.assert_array_equal(np.moveaxis(found, 2, -1), images(SIZE))
