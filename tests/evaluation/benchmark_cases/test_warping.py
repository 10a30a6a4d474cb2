import numpy as np
import pytest

from kregzoo import ops
from kregzoo.evaluation.benchmark_cases.frameworks import images, smooth_field
from tests.evaluation.benchmark_cases.small import (
    INNER,
    SIZE,
    defined,
    implementation,
    numpy_of,
)


def test_warps_compute_the_same_image():
    image, field = images(SIZE)[0], smooth_field(SIZE)
    expected = numpy_of(ops.warp(image, field))
    # Else all would agree on an image that did not move.
    assert np.abs(expected - np.squeeze(image)).mean() > 0.1
    found = defined("warp")
    assert len(found.others) == 2
    for name in [c.name for c in found.available]:
        warped = numpy_of(implementation(name, "warp")())
        np.testing.assert_allclose(warped, expected, atol=1e-4)


def test_gradients_of_warps_are_of_the_same_function():
    ours = numpy_of(implementation("kregzoo", "warp gradient")())
    theirs = np.moveaxis(
        numpy_of(implementation("map_coordinates", "warp gradient")()), 0, -1
    )
    assert np.abs(ours[INNER]).max() > 0.1
    np.testing.assert_allclose(ours[INNER], theirs[INNER], atol=1e-3)


@pytest.mark.parametrize("name", ["integration", "integration gradient"])
def test_integrations_compute_the_same_field(name):
    pytest.importorskip("voxelmorph")
    ours = numpy_of(implementation("kregzoo", name)())
    theirs = np.moveaxis(numpy_of(implementation("voxelmorph", name)()), 0, -1)
    assert np.abs(ours[INNER]).max() > 1.0
    tolerance = 1e-3 * np.abs(ours).max()
    np.testing.assert_allclose(ours[INNER], theirs[INNER], atol=tolerance)
    if "gradient" in name:
        plain = numpy_of(implementation("plain form", name)())
        np.testing.assert_allclose(ours[INNER], plain[INNER], atol=tolerance)
