import pytest

from kregzoo.losses import MI
from kregzoo.registrars.alignment import affine_aligner
from kregzoo.spatial import Preprocessor
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid


@pytest.mark.parametrize("metric", [None, MI(bins=16)], ids=["NCC", "MI"])
@pytest.mark.parametrize("spacing", [2.0, 3.0])
def test_aligns_affinely_to_well_within_a_voxel(metric, spacing):
    truth = linear_map(2, degrees=8.0, shift=6.0, stretch=0.1)
    phantom = Phantom(2, radius=45.0)
    moving = phantom.image(rotated_grid((90, 84), 1.6, 25.0))
    fixed = phantom.image(rotated_grid((100, 96), 1.5, 0.0), truth)
    aligner = affine_aligner(Preprocessor(spacing, ((64, 64),)), metric)
    result = aligner.register(moving, fixed, progress=False)
    assert mean_error(result.transform, truth, phantom.landmarks()) < spacing / 2
