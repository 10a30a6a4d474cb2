import numpy as np
import pytest

from kregzoo.losses import NCC
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
