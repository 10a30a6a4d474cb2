import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.models import LabelReg
from kregzoo.models.weakly_supervised.label_reg import AdditiveUpsampling
from tests.helpers import assert_close, random_image, run_layer_test


def images(shape):
    return {n: random_image((1, *shape), s) for s, n in enumerate(("moving", "fixed"))}


def test_published_sizes():
    # The sheet's count, which holds the normalization's two parameters a channel.
    assert LabelReg(part="local").count_params() == 18_909_743
    contracted = sum(
        (343 if level == 0 else 27) * a * b + 2 * 27 * b * b + 6 * b
        for level, (a, b) in enumerate([(2, 8), (8, 16), (16, 32), (32, 64)])
    )
    contracted += 27 * 64 * 128 + 2 * 128
    flat = 3 * 4 * 3 * 128
    model = LabelReg(part="global")
    assert model.count_params() == contracted + (flat + 1) * 12


@pytest.mark.parametrize("part", ["global", "local", "composite"])
def test_outputs_of_each_part(part):
    shape = (32, 32, 1)
    outputs = LabelReg(shape, part, local_width=4, global_width=4)(images(shape))
    assert ("affine" in outputs) == (part != "local")
    assert ("local" in outputs) == (part != "global")
    assert_close(outputs["displacement"], np.zeros((1, 32, 32, 2)), atol=1e-5)


def test_the_composite_adds_its_parts():
    shape = (32, 48, 1)
    model = LabelReg(shape, "composite", local_width=4, global_width=4)
    rng = np.random.default_rng(0)
    for name, sd in (("offsets", 10.0), ("local_head_0", 0.05)):
        kernel, bias = model.get_layer(name).get_weights()
        noise = rng.normal(0, sd, bias.shape)
        model.get_layer(name).set_weights([kernel, bias + noise])
    outputs = model(images(shape))
    affine = ops.affine_to_displacement(outputs["affine"], shape[:-1])
    expected = kops.convert_to_numpy(affine + outputs["local"])
    assert np.abs(expected).max() > 0.5
    assert_close(outputs["displacement"], expected, atol=1e-4)


def test_heads_below_full_resolution_are_of_its_voxels():
    shape = (32, 32, 1)
    model = LabelReg(shape, "local", local_width=4)
    kernel, bias = model.get_layer("local_head_3").get_weights()
    model.get_layer("local_head_3").set_weights([kernel, bias + [0.5, -0.25]])
    field = model(images(shape))["displacement"]
    assert_close(field, np.broadcast_to([0.5, -0.25], field.shape))


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
def test_additive_upsampling_is_the_sum_of_resized_halves(shape, tmp_path):
    x = random_image((2, *shape, 6))
    doubled = tuple(2 * n for n in shape)
    output = run_layer_test(
        AdditiveUpsampling, {}, x, (2, *doubled, 3), tmp_path, "bfloat16"
    )
    halves = [ops.resize(half, doubled) for half in (x[..., :3], x[..., 3:])]
    assert_close(output, kops.convert_to_numpy(halves[0] + halves[1]))


def test_rejects_unknown_parts_and_open_sizes():
    with pytest.raises(ValueError, match="`part` must be one of.*Received: 'both'"):
        LabelReg(part="both")
    with pytest.raises(ValueError, match="`input_shape` must not contain None"):
        LabelReg((None, 32, 32, 1), "composite")
