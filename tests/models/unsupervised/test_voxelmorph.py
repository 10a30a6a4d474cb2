import keras
import numpy as np
import pytest
from keras import ops as kops

from kregzoo.models import VoxelMorph
from tests.helpers import assert_close, random_image

# Channels in and out of each convolution, read off the papers' figures: four strided
# ones; one at the coarsest level; three after joining with a skip; one at half
# resolution; those at full resolution after joining with the pair; the head.
ENCODER = [(2, 16), (16, 32), (32, 32), (32, 32)]
DECODER = [(32, 32), (32 + 32, 32), (32 + 32, 32), (32 + 16, 32)]
WIDTHS = {
    "vm1": [*ENCODER, *DECODER, (32, 8), (8 + 2, 8), (8, 3)],
    "vm2": [*ENCODER, *DECODER, (32, 32), (32 + 2, 16), (16, 16), (16, 3)],
    "vm2double": [
        *[(2, 32), (32, 64), (64, 64), (64, 64)],
        *[(64, 64), (64 + 64, 64), (64 + 64, 64), (64 + 32, 64)],
        *[(64, 64), (64 + 2, 32), (32, 32), (32, 3)],
    ],
}


@pytest.mark.parametrize("variant", WIDTHS)
def test_published_size(variant):
    model = VoxelMorph(variant=variant)
    expected = sum((27 * a + 1) * b for a, b in WIDTHS[variant])
    assert model.count_params() == expected
    assert model.input["moving"].shape == (None, 160, 192, 224, 1)
    assert model.output["displacement"].shape == (None, 160, 192, 224, 3)
    strides = [layer.strides for layer in model.layers if "Conv3D" in str(type(layer))]
    assert strides[:4] == [(2, 2, 2)] * 4 and set(strides[4:]) == {(1, 1, 1)}
    slopes = {
        layer.negative_slope
        for layer in model.layers
        if isinstance(layer, keras.layers.LeakyReLU)
    }
    assert slopes == {0.2}


def test_half_resolution_leaves_out_the_finest_convolutions():
    model = VoxelMorph((32, 32, 32, 1), half_resolution=True)
    widths = [*ENCODER, *DECODER, (32, 32), (32, 3)]
    assert model.count_params() == sum((27 * a + 1) * b for a, b in widths)
    assert model.get_layer("flow").output.shape == (None, 16, 16, 16, 3)
    assert model.output["displacement"].shape == (None, 32, 32, 32, 3)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("steps", [0, 5])
def test_a_head_of_zeros_is_the_identity(ndim, half, steps):
    shape = (16,) * ndim + (1,)
    model = VoxelMorph(shape, "vm1", half, integration_steps=steps)
    head = model.get_layer("flow")
    head.set_weights([np.zeros_like(w) for w in head.get_weights()])
    images = {
        n: random_image((1, *shape), s) for s, n in enumerate(("moving", "fixed"))
    }
    outputs = model(images)
    assert not kops.convert_to_numpy(outputs["displacement"]).any()
    assert_close(outputs["warped"], images["moving"], rtol=0, atol=1e-6)
    assert ("velocity" in outputs) is (steps > 0)


def test_a_constant_head_moves_the_image_by_that_much():
    model = VoxelMorph((16, 32, 1), "vm1", half_resolution=True)
    head = model.get_layer("flow")
    kernel, _ = head.get_weights()
    # Voxels of the half grid are two of the full one.
    head.set_weights([np.zeros_like(kernel), np.array([1.0, -0.5])])
    moving = random_image((1, 16, 32, 1))
    outputs = model({"moving": moving, "fixed": moving})
    expected = np.broadcast_to([2.0, -1.0], (1, 16, 32, 2))
    assert_close(outputs["displacement"], expected)
    warped = kops.convert_to_numpy(outputs["warped"])
    assert_close(warped[0, :14, 1:], moving[0, 2:, :-1])


def test_without_its_top_it_gives_features():
    model = VoxelMorph((32, 32, 1), include_top=False)
    assert list(model.output) == ["features"]
    assert model.output["features"].shape == (None, 32, 32, 16)
    half = VoxelMorph((32, 32, 1), include_top=False, half_resolution=True)
    assert half.output["features"].shape == (None, 16, 16, 32)


def test_arguments_are_checked_before_anything_is_built():
    with pytest.raises(ValueError, match="`variant`.*vm1.*Received.*vm3"):
        VoxelMorph((32, 32, 1), variant="vm3")
    with pytest.raises(ValueError, match="divisible by 16.*Received"):
        VoxelMorph((32, 40, 1))
