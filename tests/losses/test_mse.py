import numpy as np
import pytest

from kregzoo.losses import MSE
from tests.helpers import assert_close, random_image, run_loss_test, run_mask_test


@pytest.mark.parametrize("shape", [(9, 8), (6, 7, 5)])
def test_is_the_mean_of_squares(shape):
    fixed, warped = random_image((2, 2, *shape, 1))
    values = run_loss_test(MSE, {}, fixed, warped)
    expected = np.mean((fixed - warped).reshape(2, -1) ** 2, axis=1)
    assert_close(values, expected)
    assert_close(run_mask_test(MSE(), fixed, warped), expected)
