import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.models import DLIR
from kregzoo.training import transfer_weights
from tests.helpers import assert_close, random_image


def images(shape):
    return {
        n: random_image((1, *shape), s, sigma=3.0)
        for s, n in enumerate(("moving", "fixed"))
    }


def set_bias(model, layer, values):
    kernel, bias = model.get_layer(layer).get_weights()
    model.get_layer(layer).set_weights([0 * kernel, bias + values])


def test_default_size():
    affine = sum((27 * a + 1) * 32 for a in (1, 32, 32, 32, 32))
    affine += (64 + 1) * 64 + (64 + 1) * 64 + (64 + 1) * 12
    stage = (27 * 2 + 1) * 32 + 4 * (27 * 32 + 1) * 32 + 2 * (32 + 1) * 32
    stage += (8 * 32 + 1) * 3
    # Spacing 32 has a sixth convolution, after the fifth pooling.
    stages = 3 * stage + (27 * 32 + 1) * 32
    assert DLIR().count_params() == affine + stages


def test_parts_of_the_affine_stage_have_their_bounds():
    model = DLIR((32, 48, 1), spacings=())
    set_bias(model, "affine_translation", [0.3, -0.2])
    set_bias(model, "affine_rotation", [np.arctanh(0.5)])
    set_bias(model, "affine_scale", [np.arctanh(0.5), 0.0])
    outputs = model(images((32, 48, 1)))
    found = kops.convert_to_numpy(outputs["affine"])[0]
    quarter = np.pi / 4
    turn = [[np.cos(quarter), -np.sin(quarter)], [np.sin(quarter), np.cos(quarter)]]
    assert_close(found[:, :-1], turn @ np.diag([np.sqrt(2.0), 1.0]))
    assert_close(found[:, -1], [3.0, -2.0])
    dense = ops.affine_to_displacement(found[None], (32, 48))
    assert_close(outputs["displacement"], kops.convert_to_numpy(dense))


def test_stages_compose_and_the_image_is_resampled_once():
    pair = images((32, 32, 1))
    model = DLIR((32, 32, 1), spacings=(16, 8), width=4)
    set_bias(model, "affine_rotation", [0.1])
    set_bias(model, "stage_1_control_points", [1.0, 0.0])
    set_bias(model, "stage_2_control_points", [0.0, -2.0])
    outputs = model(pair)
    # The last stage's shift comes first, the affine last.
    points = kops.convert_to_numpy(ops.identity_grid((32, 32))) + [1.0, -2.0]
    affine = kops.convert_to_numpy(outputs["affine"])[0]
    moved = (points - 15.5) @ affine[:, :-1].T + affine[:, -1] + 15.5
    expected = moved - kops.convert_to_numpy(ops.identity_grid((32, 32)))
    inner = (0, slice(1, -1), slice(2, None))
    assert_close(outputs["displacement"][inner], expected[inner[1:]], atol=1e-4)
    warped = ops.warp(pair["moving"], outputs["displacement"])
    assert_close(outputs["warped"], kops.convert_to_numpy(warped))


def test_a_later_stage_starts_from_the_earlier_ones():
    first = DLIR((32, 32, 1), spacings=(16,), width=4)
    set_bias(first, "affine_translation", [0.2, 0.0])
    set_bias(first, "stage_1_control_points", [1.0, 0.5])
    second = DLIR((32, 32, 1), spacings=(16, 8), width=4)
    copied = transfer_weights(first, second)
    assert {"affine_pipeline", "affine_dense_1", "stage_1_1"} <= set(copied)
    assert not [name for name in copied if name.startswith("stage_2")]
    pair = images((32, 32, 1))
    before = kops.convert_to_numpy(first(pair)["displacement"])
    assert_close(second(pair)["displacement"], before)


def test_rejects_spacings_that_are_no_powers_of_two():
    with pytest.raises(ValueError, match="powers of 2.*Received"):
        DLIR((32, 32, 1), spacings=(16, 6))
