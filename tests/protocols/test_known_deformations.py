"""Held-out images under deformations estimated by registration."""

import json

import numpy as np
import pytest

from kregzoo.protocols import deformed_pairs
from kregzoo.spatial import Image
from tests.known_data import SHIFT


def test_deformations_are_those_between_the_pairs(known_data, tmp_path):
    pairs = deformed_pairs(known_data, tmp_path, 2)
    assert [pair.name for pair in pairs] == [
        "000 moving0 to fixed0",
        "001 fixed0 to moving0",
    ]
    # A deformation found between two persons depends on both.
    assert [set(pair.persons) for pair in pairs] == [{"moving0", "fixed0"}] * 2
    forth, back = (
        pair.ground_truth.apply_points(np.zeros((1, 3)))[0] for pair in pairs
    )
    np.testing.assert_allclose(forth, SHIFT, atol=2.0)
    np.testing.assert_allclose(back, -SHIFT, atol=2.0)
    for pair in pairs:
        fixed = Image.read(pair.fixed)
        warped = pair.ground_truth.apply(pair.moving, fixed.grid).array
        np.testing.assert_allclose(warped, fixed.array, atol=1e-5)
        (row,) = pair.measure_transform(pair.ground_truth)
        assert row == {"label": None, "metric": "tre", "value": 0.0}


@pytest.mark.parametrize("splits", [{}, {"eval": []}])
def test_data_without_pairs_are_refused(splits, tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps(splits))
    with pytest.raises(ValueError, match="must have `eval` pairs.*Received"):
        deformed_pairs(tmp_path, tmp_path)
