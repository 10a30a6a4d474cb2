import numpy as np
import pytest
from keras import ops as kops

from kregzoo import ops
from kregzoo.models import AIRGAN
from kregzoo.models.weakly_supervised import air_gan
from tests.helpers import assert_close, random_image

SHAPE = (32, 32, 8, 1)


def images(batch=1):
    images = zip(("moving", "fixed"), range(2), strict=True)
    return {
        name: kops.convert_to_tensor(random_image((batch, *SHAPE), seed, sigma=2.0))
        for name, seed in images
    }


def test_published_size():
    def convolution(a, b, size):
        # With the scale, offset, mean and variance of its normalization.
        return (size**2 * a + 1) * b + 4 * b

    count = convolution(64, 128, 3) + 5 * convolution(128, 128, 3)
    count += convolution(128, 8, 1) + (24 * 24 * 8 + 1) * 256 + 257 * 6
    judge = [(64, 64), (64, 128), (128, 128), (128, 128)]
    count += sum((9 * a + 1) * b for a, b in judge) + 129
    # Beside these the weight of what the discriminator teaches.
    assert AIRGAN().count_params() == count + 1


def test_the_motion_is_rigid():
    model = AIRGAN(SHAPE, width=8)
    head = model.get_layer("motion")
    rng = np.random.default_rng(0)
    head.set_weights([rng.normal(0, 2.0, w.shape) for w in head.get_weights()])
    matrix = kops.convert_to_numpy(model(images())["affine"])[0]
    assert_close(matrix[:, :3] @ matrix[:, :3].T, np.eye(3))
    assert np.abs(matrix - np.eye(3, 4)).max() > 0.1


def test_one_is_half_a_voxel_at_the_image_s_faces():
    model = AIRGAN((32, 32, 32, 1), width=8)
    model.get_layer("motion").bias.assign([0, 0, 0, 0, 0, 1.0])
    pair = dict.fromkeys(("moving", "fixed"), np.ones((1, 32, 32, 32, 1)))
    matrix = kops.convert_to_numpy(model(pair)["affine"])[0]
    assert_close(np.linalg.norm(matrix[:, 0] - [1, 0, 0]) * 16, 0.5, rtol=1e-3)


def test_positives_are_moved_by_the_truth():
    pair = {n: kops.convert_to_numpy(x) for n, x in images(2).items()}
    affine = np.tile(np.eye(3, 4, dtype="float32"), (2, 1, 1))
    affine[:, 0, 3] = 2.0
    moved = air_gan.truly_aligned(pair, {"affine": affine})
    assert_close(moved[:, :-2], pair["moving"][:, 2:])


def test_half_of_the_negatives_are_as_they_came():
    x = {"moving": np.ones((4, 2, 2, 1))}
    warped = np.zeros((4, 2, 2, 1))
    found = air_gan.half_unmoved(x, {"warped": warped})
    assert_close(found[:, 0, 0, 0], [1.0, 0.0, 1.0, 0.0])
    assert warped.max() == 0.0


def test_the_discriminator_judges_any_alignment():
    model, pair = AIRGAN(SHAPE, width=8), images()
    outputs = model(pair)
    judge = model.get_layer("discriminator")
    field = ops.affine_to_displacement(outputs["affine"], SHAPE[:-1])
    warped = ops.warp(pair["moving"], field)
    score = judge({"warped": warped, "fixed": pair["fixed"]})
    assert_close(outputs["quality"], kops.convert_to_numpy(score))


def test_shapes_it_does_not_take_are_refused():
    with pytest.raises(ValueError, match="divisible by 4.*Received"):
        AIRGAN((30, 32, 8, 1))
