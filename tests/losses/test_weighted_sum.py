import pytest
from keras import ops as kops

from kregzoo.losses import MSE, NCC, WeightedSum
from tests.helpers import assert_close, random_image, run_loss_test


def test_is_the_sum_of_its_terms():
    fixed, warped = (random_image((2, 9, 8, 1), seed) for seed in range(2))
    terms = [(MSE(), 2.0), (NCC(), 0.5)]
    values = run_loss_test(WeightedSum, {"terms": terms}, fixed, warped)
    pair = [kops.convert_to_tensor(image) for image in (fixed, warped)]
    parts = [weight * loss.call(*pair) for loss, weight in terms]
    assert_close(values, kops.convert_to_numpy(sum(parts)))


def test_rejects_no_terms():
    with pytest.raises(ValueError, match="`terms` must contain a loss"):
        WeightedSum([])
