import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.models import DIRNet
from tests.helpers import assert_close, random_image


def images(shape):
    return {n: random_image((1, *shape), s) for s, n in enumerate(("moving", "fixed"))}


def test_default_size():
    model = DIRNet()
    widths = [(9, 2), *[(9, 32)] * 4, (1, 32), (1, 32)]
    convolutions = sum((taps * a + 1) * 32 for taps, a in widths)
    norms = 7 * 4 * 32
    assert model.count_params() == convolutions + norms + (4 * 32 + 1) * 2
    assert model.output["control_points"].shape == (None, 35, 35, 2)


@pytest.mark.parametrize("shape", [(32, 48, 1), (16, 16, 32, 1)])
def test_the_displacement_is_the_spline_of_its_control_points(shape):
    model = DIRNet(shape, spacing=4, width=4)
    head = model.get_layer("spline_control_points")
    rng = np.random.default_rng(0)
    head.set_weights([rng.normal(0, 0.5, w.shape) for w in head.get_weights()])
    outputs = model(images(shape))
    spline = ops.bspline(outputs["control_points"], shape[:-1])
    assert np.abs(kops.convert_to_numpy(spline)).max() > 0.1
    assert_close(outputs["displacement"], kops.convert_to_numpy(spline))


@pytest.mark.parametrize("spacing", [1, 6])
def test_rejects_spacings_that_are_no_power_of_two(spacing):
    with pytest.raises(ValueError, match=f"power of 2.*Received: spacing={spacing}"):
        DIRNet((32, 32, 1), spacing=spacing)
