import numpy as np
import pytest
from keras.ops import convert_to_tensor

from kregzoo.losses import NCC
from kregzoo.ops import value_and_grad
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test


@pytest.mark.parametrize("shape", [(12, 10), (8, 7, 6)])
def test_is_pearsons_coefficient(shape):
    fixed, warped = random_image((2, 2, *shape, 1))
    values = run_loss_test(NCC, {}, fixed, warped)
    expected = [
        1 - np.corrcoef(f.ravel(), w.ravel())[0, 1]
        for f, w in zip(fixed, warped, strict=True)
    ]
    assert_close(values, expected)
    assert_close(run_mask_test(NCC(), fixed, warped), expected)


def test_ranges_from_a_linear_relation_to_its_inverse():
    image = random_image((1, 10, 10, 1))
    assert_close(NCC()(image, 2.0 * image + 5.0), 0.0, atol=1e-4)
    assert_close(NCC()(image, 1.0 - image), 2.0, atol=1e-4)
    assert_close(NCC()(image, 0.0 * image), 1.0)


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1.0, 1e4, 1e10])
@pytest.mark.parametrize("offset", [0.0, -1.0, 1000.0])
def test_depends_on_no_unit_of_intensity(scale, offset):
    fixed, warped = random_image((2, 1, 12, 11, 10, 1), sigma=0.5)
    fixed = (scale * (fixed + offset)).astype("float32")
    warped = (warped + offset).astype("float32")
    expected = 1 - np.corrcoef(fixed.ravel(), warped.ravel())[0, 1]
    assert_close(NCC()(fixed, warped), expected, rtol=1e-3)
    assert_close(NCC()(fixed, fixed), 0.0)
    mask = np.ones_like(fixed)
    mask[:, :4] = 0.0
    arrays = [convert_to_tensor(array) for array in (fixed, warped, mask)]
    expected = 1 - np.corrcoef(fixed[:, 4:].ravel(), warped[:, 4:].ravel())[0, 1]
    assert_close(NCC().call(*arrays), [expected], rtol=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.1, 0.7, 1e5])
def test_flat_images_are_unrelated_and_pull_nowhere(level):
    image = convert_to_tensor(random_image((1, 40, 40, 1)))
    flat = convert_to_tensor(np.full((1, 40, 40, 1), level, "float32"))
    for fixed, warped in ((image, flat), (flat, image), (flat, flat)):
        value, gradients = value_and_grad(
            lambda x, fixed=fixed: NCC().call(fixed, x)[0], [warped]
        )
        assert_close(value, 1.0)
        assert_close(gradients[0], np.zeros((1, 40, 40, 1)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_computes_in_full_precision(dtype):
    images = [convert_to_tensor(x, dtype) for x in random_image((2, 1, 60, 60, 1))]
    exact = [convert_to_tensor(x, "float32") for x in images]
    assert_close(NCC().call(*images), np.array(NCC().call(*exact)))
