import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.layers import GradientScale
from tests.helpers import assert_close, run_layer_test


@pytest.mark.parametrize("scale", [0.0, 0.25, -1.0])
def test_scales_the_gradient_alone(scale, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    options = {"scale": scale}
    output = run_layer_test(GradientScale, options, x, x.shape, tmp_path, "bfloat16")
    assert_close(output, x)
    layer = GradientScale(scale)
    layer.build(x.shape)

    def total(x):
        return kops.sum(kops.square(layer(x)))

    assert_close(ops.value_and_grad(total, [x])[1][0], 2 * scale * x)
    layer.scale.assign(2.0)
    assert_close(ops.value_and_grad(total, [x])[1][0], 4 * x)
