import json

import numpy as np
import pytest

from kregzoo.losses import MI
from kregzoo.registrars.alignment import affine_aligner, align_labels
from kregzoo.spatial import Image, LabelMap, Preprocessor
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


def test_equal_frames_share_what_was_compiled():
    frame = Preprocessor(2.0, ((64, 64),))
    read_back = Preprocessor.from_config(json.loads(json.dumps(frame.get_config())))
    assert affine_aligner(read_back) is affine_aligner(frame)
    assert affine_aligner(Preprocessor(3.0, ((64, 64),))) is not affine_aligner(frame)


def outlined(image):
    """Two structures, one in the other, as channels."""
    levels = [image.array > share * image.array.max() for share in (0.25, 0.6)]
    return LabelMap([Image(m.astype("uint8"), image.grid) for m in levels], True)


@pytest.mark.parametrize("ndim", [2, 3])
def test_labels_are_laid_on_each_other(ndim):
    truth = linear_map(ndim, degrees=12.0, shift=8.0)
    # Three blobs, so that no turn of them looks the same.
    phantom = Phantom(ndim, radius=20.0, count=3)
    size = (40,) * ndim
    moving = outlined(phantom.image(rotated_grid(size, 2.2, 10.0)))
    fixed = outlined(phantom.image(rotated_grid(size, 2.0, 0.0), truth))
    found = align_labels(moving, fixed)
    assert mean_error(found, truth, phantom.landmarks()) < 1.0
    linear = found.matrix[:-1, :-1]
    np.testing.assert_allclose(linear @ linear.T, np.eye(ndim), atol=1e-5)


def test_labels_that_images_do_not_share_align_nothing():
    image = Phantom(2).image(rotated_grid((20, 20), 4.0, 0.0))
    one = outlined(image)
    empty = LabelMap([Image(np.zeros(image.grid.shape), image.grid)], True)
    with pytest.raises(ValueError, match="must share a structure"):
        align_labels(one, empty)
