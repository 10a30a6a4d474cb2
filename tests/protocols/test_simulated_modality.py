"""CT volumes and simulated images of another modality, a rigid displacement apart."""

import numpy as np
import pytest

from kregzoo.protocols import CONE_BEAM, FAR_CONE_BEAM, cone_beam_pairs, surface_pairs
from kregzoo.spatial import AffineTransform, Image


@pytest.mark.parametrize("make", [cone_beam_pairs, surface_pairs])
def test_a_volume_is_laid_on_what_was_made_of_it(make, volumes, tmp_path):
    one, two = make(volumes, tmp_path, 2)
    assert np.abs(one.ground_truth.matrix - two.ground_truth.matrix).max() > 0.1
    assert one.persons == two.persons == ("trunk",)
    fixed, moving = Image.read(one.fixed), Image.read(one.moving)
    body = fixed.array > 0.2
    apart, laid = (
        np.mean((image.array > 500) == body)
        for image in (
            moving.resample(fixed.grid),
            one.ground_truth.apply(moving, fixed.grid),
        )
    )
    assert laid > 0.95 > apart
    assert one.measure_transform(one.ground_truth)[0]["value"] == 0.0
    assert one.measure_transform(AffineTransform(np.eye(4)))[0]["value"] > 3


def test_the_far_ones_are_farther(volumes, tmp_path):
    near, far = (
        protocol.make_cases(volumes, tmp_path, 1)[0].ground_truth.matrix
        for protocol in (CONE_BEAM, FAR_CONE_BEAM)
    )
    assert np.trace(near) > np.trace(far)


@pytest.mark.parametrize("make", [cone_beam_pairs, surface_pairs])
def test_data_without_volumes_are_refused(make, tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(ValueError, match="must have `eval_images`.*Received"):
        make(tmp_path, tmp_path)
