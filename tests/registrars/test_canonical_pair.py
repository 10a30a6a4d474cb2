import collections
import dataclasses

import numpy as np
import pytest

import kregzoo
from kregzoo.presets.preset import presets_for
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.spatial import AffineTransform, Image, Preprocessor
from tests.phantoms import Phantom, linear_map, rotated_grid

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
    assert f"Presets for {other}-D images: {', '.join(presets_for(other))}." in text
    assert "`kregzoo.register`" in text
    # Images of different dimensions suit no preset.
    with pytest.raises(ValueError, match=f"must have {ndim}") as caught:
        CanonicalPair(frame, IMAGES[other], IMAGES[ndim])
    assert "Presets" not in str(caught.value)


def test_an_image_smaller_than_a_voxel_is_refused():
    tiny = Image.from_array(np.eye(8), spacing=0.001)
    with pytest.raises(ValueError, match="`fixed` must be larger.*unit.*0.008 mm"):
        CanonicalPair(Preprocessor(2.0, ((16, 16),)), IMAGES[2], tiny)


def test_presets_are_named_by_their_own_dimensions():
    assert "dirnet_cardiac_cine" in presets_for(2)
    assert "voxelmorph_brain_t1" in presets_for(3)
    assert not set(presets_for(2)) & set(presets_for(3))


FRAME = Preprocessor(4.0, ((32, 32),))
SHIFT = AffineTransform(np.array([[1.0, 0.0, 3.0], [0.0, 1.0, -2.0], [0.0, 0.0, 1.0]]))


@pytest.fixture(scope="module")
def images():
    """Arguments of a registration: two images and their masks."""
    phantom = Phantom(2, radius=30.0)
    grids = {
        "moving": rotated_grid((30, 28), 3.7, 12.0),
        "fixed": rotated_grid((28, 31), 3.8, -7.0),
    }
    truths = {"moving": None, "fixed": linear_map(2, shift=4.0)}
    arguments = {}
    for name, grid in grids.items():
        image = phantom.image(grid, truths[name])
        mask = image.array > 0.01
        arguments[name] = dataclasses.replace(image, name=name)
        arguments[f"{name}_mask"] = Image(mask.astype("uint8"), grid, f"{name} mask")
    return arguments


def test_no_attribute_can_be_set(images):
    pair = CanonicalPair(FRAME, **images)
    for field in dataclasses.fields(pair):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(pair, field.name, None)


def test_another_initial_transform_gives_what_it_gives_from_the_start(images):
    pair = CanonicalPair(FRAME, **images)
    start, before = pair.initial, pair.tensors()
    shifted = pair.with_initial(SHIFT)
    assert shifted.initial is SHIFT and pair.initial is start
    expected = CanonicalPair(FRAME, **images, initial=SHIFT).tensors()
    after = shifted.tensors()
    assert after.keys() == expected.keys() == images.keys()
    for name, tensor in after.items():
        np.testing.assert_array_equal(tensor, expected[name])
        assert (tensor is before[name]) == name.startswith("fixed")
    assert not np.array_equal(after["moving"], before["moving"])


@pytest.fixture
def calls(monkeypatch):
    """Counts how often each image is normalized and resampled, by its name."""
    counts = collections.Counter()

    def count(owner, name, position):
        method = getattr(owner, name)

        def counted(*args, **kwargs):
            counts[name, args[position].name] += 1
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count(Preprocessor, "normalize", 1)
    count(Image, "resample", 0)
    return counts


def check_calls(calls, result, masks=True):
    assert result.metrics["ncc"] != result.metrics["ncc_before"]
    assert result.scene
    assert calls["normalize", "fixed"] == calls["resample", "fixed"] == 1
    assert calls["normalize", "moving"] == 1
    assert calls["resample", "fixed mask"] == masks


@pytest.mark.parametrize("refine", [0, 2])
@pytest.mark.parametrize("masked", [True, False], ids=["masked", "whole"])
@pytest.mark.parametrize("preset", ["dirnet_cardiac_cine", "dlir_cardiac_cine"])
def test_a_registration_prepares_the_fixed_image_once(
    preset, masked, refine, images, calls
):
    names = images if masked else ("moving", "fixed")
    images = {name: images[name] for name in names}
    registrar = kregzoo.load(preset)
    result = registrar.register(**images, refine=refine, progress=False)
    check_calls(calls, result, masked)


def test_a_registration_without_a_network_prepares_the_fixed_image_once(images, calls):
    result = kregzoo.register(**images, method="affine", metric="ncc", progress=False)
    check_calls(calls, result)
