"""CT volumes and simulated images of another modality, rigidly displaced."""

import json

import numpy as np
import pytest

from kregzoo.evaluation.baselines import registry
from kregzoo.protocols import (
    BODY_SURFACES,
    CONE_BEAM,
    FAR_CONE_BEAM,
    cone_beam_pairs,
    surface_pairs,
)
from kregzoo.spatial import AffineTransform, Grid, Image


def trunk(grid):
    """Write a body of air, soft tissue and bone."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid.voxel_to_world(index.reshape(-1, 3)), -1, 0)
    inside = (x / 60) ** 2 + ((y + x / 8) / 40) ** 2 + ((z - 10) / 75) ** 2 < 1
    bone = (x**2 + (y + 25) ** 2 < 64) & inside
    values = np.where(bone, 1700.0, np.where(inside, 1000.0, 0.0))
    return Image(values.reshape(grid.shape).astype("float32"), grid)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes") / "volumes"
    folder.mkdir()
    trunk(Grid.centred((40, 32, 44), 5.0)).write(folder / "trunk.nii.gz")
    description = {"eval_images": [{"image": "trunk.nii.gz"}]}
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


@pytest.mark.parametrize("make", [cone_beam_pairs, surface_pairs])
def test_the_ground_truth_aligns_a_volume_with_its_simulation(make, volumes, tmp_path):
    one, two = make(volumes, tmp_path, 2)
    assert np.abs(one.ground_truth.matrix - two.ground_truth.matrix).max() > 0.1
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


def test_far_displacements_are_larger(volumes, tmp_path):
    near, far = (
        protocol.make_cases(volumes, tmp_path, 1)[0].ground_truth.matrix
        for protocol in (CONE_BEAM, FAR_CONE_BEAM)
    )
    assert np.trace(near) > np.trace(far)


def test_closest_points_align_surfaces(volumes, tmp_path):
    (pair,) = surface_pairs(volumes, tmp_path, 1)
    *_, icp = registry.methods_of(BODY_SURFACES)
    assert icp.name == "closest-points"
    start = pair.measure_transform(AffineTransform(np.eye(4)))[0]["value"]
    assert pair.measure(pair.run(icp, tmp_path))[0]["value"] < 0.5 * start


@pytest.mark.parametrize("make", [cone_beam_pairs, surface_pairs])
def test_data_without_volumes_are_refused(make, tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(ValueError, match="must have `eval_images`.*Received"):
        make(tmp_path, tmp_path)
