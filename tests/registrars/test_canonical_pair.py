import numpy as np
import pytest

from kregzoo.presets.preset import presets_of
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.spatial import Image, Preprocessor

IMAGES = {
    ndim: Image.from_array(np.eye(8) if ndim == 2 else np.ones((8,) * 3))
    for ndim in (2, 3)
}


@pytest.mark.parametrize("ndim", [2, 3])
def test_other_dimensions_are_refused_and_presets_for_them_named(ndim):
    frame = Preprocessor(2.0, ((16,) * ndim,))
    other = 5 - ndim
    with pytest.raises(ValueError, match=f"`moving` must have {ndim}") as caught:
        CanonicalPair(frame, IMAGES[other], IMAGES[other])
    text = str(caught.value)
    assert f"Presets for {other}-D images: {', '.join(presets_of(other))}." in text
    assert "`kregzoo.register`" in text
    # Images of different dimensions suit no preset.
    with pytest.raises(ValueError, match=f"must have {ndim}") as caught:
        CanonicalPair(frame, IMAGES[other], IMAGES[ndim])
    assert "Presets" not in str(caught.value)


def test_presets_are_named_by_their_own_dimensions():
    assert "dirnet_cardiac_cine" in presets_of(2)
    assert "voxelmorph_brain_t1" in presets_of(3)
    assert not set(presets_of(2)) & set(presets_of(3))
