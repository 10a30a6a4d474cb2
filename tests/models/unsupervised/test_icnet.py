import keras
import numpy as np
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses import AntiFolding, InverseConsistency
from kregzoo.models import ICNet
from tests.helpers import assert_close, random_image


def images(shape):
    return {n: random_image((1, *shape), s) for s, n in enumerate(("moving", "fixed"))}


def strong(model):
    rng = np.random.default_rng(0)
    weights = [
        rng.normal(0, 1 / np.sqrt(max(1, np.prod(w.shape[:-1]))), w.shape)
        for w in model.get_weights()
    ]
    model.set_weights(weights)
    return model


def test_published_size():
    encoder = [(2, 8), (8, 8), (8, 16), (16, 16), (16, 32), (32, 32)]
    encoder += [(32, 64), (64, 64), (64, 128), (128, 64)]
    decoder = [(128, 64), (64, 32), (64, 32), (32, 16)]
    decoder += [(32, 32), (32, 16), (24, 16), (16, 16)]
    upsampled = [(64, 64), (32, 32), (16, 16), (16, 16)]
    count = sum(27 * a * b for a, b in encoder + decoder)
    count += sum((8 * a + 1) * b for a, b in upsampled) + 16 * 3
    model = ICNet()
    assert model.count_params() == count
    assert model.output["displacements"].shape == (None, 144, 192, 160, 6)


def test_both_directions_are_one_network_with_the_images_exchanged():
    model, pair = strong(ICNet((32, 48, 1), width=4)), images((32, 48, 1))
    there = model(pair)
    back = model({"moving": pair["fixed"], "fixed": pair["moving"]})
    field = kops.convert_to_numpy(there["displacement"])
    assert 0.05 < np.abs(field).max() < 7.0
    assert_close(back["inverse_displacement"], field)
    warped = ops.warp(pair["fixed"], there["inverse_displacement"])
    assert_close(there["warped_fixed"], kops.convert_to_numpy(warped))
    assert_close(there["displacements"][..., :2], field)


def test_fields_of_half_the_resolution_are_resized_within_the_bound():
    model = strong(ICNet((32, 48, 1), width=4, bound=5.0, half_resolution=True))
    pair, network = images((32, 48, 1)), model.get_layer("network")
    field = kops.convert_to_numpy(model(pair)["displacement"])
    flow = keras.Model(network.input, network.get_layer("flow").output)
    half = flow([pair["moving"], pair["fixed"]])
    assert half.shape == (1, 16, 24, 2)
    # In voxels of half the resolution, of which 2.5 are 5.
    assert_close(field, kops.convert_to_numpy(ops.resize_field(2.5 * half, (32, 48))))
    assert 0.05 < np.abs(field).max() < 5.0


def test_a_folded_field_costs():
    model = ICNet((32, 32, 1), width=4)
    both = kops.convert_to_numpy(model(images((32, 32, 1)))["displacements"]).copy()
    assert float(InverseConsistency()(both, both)) < 1e-6
    assert float(AntiFolding()(both, both)) == 0.0
    # Sixteen columns jump back by more than their neighbors' distance.
    both[:, :, 16:, 1] -= 3.0
    assert float(InverseConsistency()(both, both)) > 1.0
    assert float(AntiFolding()(both, both)) > 1e-3
