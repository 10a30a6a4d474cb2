import numpy as np
from keras import ops as kops

from kregzoo.models import AIRNet
from tests.helpers import assert_close, random_image

SHAPE = (32, 48, 16, 1)


def images(shape=SHAPE):
    return {n: random_image((1, *shape), s) for s, n in enumerate(("moving", "fixed"))}


def test_default_size():
    trainable = sum(np.prod(w.shape) for w in AIRNet().trainable_weights)
    # The sheet's count.
    assert trainable == 2_334_225


def test_kernels_are_in_the_plane_first_and_in_space_after():
    encoder = AIRNet(SHAPE).get_layer("encoder")
    for block, count, kernel in ((1, 2, 1), (2, 4, 1), (3, 4, 3), (4, 4, 3)):
        for layer in range(1, count + 1):
            size = encoder.get_layer(f"block_{block}_{layer}").kernel_size
            assert size == (3, 3, kernel)
    assert encoder.get_layer("block_2_pool").output.shape[1:-1] == (4, 6, 16)
    assert encoder.get_layer("block_4_pool").output.shape[1:-1] == (1, 2, 4)


def test_offsets_are_in_units_of_half_the_image():
    model = AIRNet(SHAPE, growth=2, planar_blocks=(1,), spatial_blocks=(1,))
    assert_close(model(images())["affine"], np.eye(3, 4)[None])
    head = model.get_layer("offsets")
    kernel, bias = head.get_weights()
    bias[[1, 3, 11]] = 0.1, 0.5, -0.25
    head.set_weights([kernel, bias])
    expected = np.eye(3, 4)
    expected[0, 1], expected[0, 3], expected[2, 3] = 0.1 * 16 / 24, 8.0, -2.0
    assert_close(kops.convert_to_numpy(model(images())["affine"])[0], expected)
