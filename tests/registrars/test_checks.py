import json
import math
import re

import numpy as np
import pytest

from kregzoo.registrars import Registration, RegistrationWarning, register
from kregzoo.registrars.canonical_pair import CanonicalPair, default_preprocessor
from kregzoo.registrars.checks import Checks, _similarity, check, judge
from kregzoo.registrars.registration import Timer
from kregzoo.spatial import AffineTransform, DisplacementTransform, Image

STILL = AffineTransform(np.eye(3))


def image(seed=0, shape=(64, 64)):
    """Smooth noise on an ellipse, in [0, 1]."""
    from scipy import ndimage

    noise = np.random.default_rng(seed).random(shape)
    noise = ndimage.gaussian_filter(noise, 3)
    noise = 0.3 + 0.7 * (noise - noise.min()) / np.ptp(noise)
    axes = np.meshgrid(*[np.linspace(-1.3, 1.3, n) for n in shape], indexing="ij")
    inside = sum(a**2 for a in axes) < 1
    return Image.from_array((noise * inside).astype("float32"), spacing=2.0)


def shift(mm):
    matrix = np.eye(3)
    matrix[0, 2] = mm
    return AffineTransform(matrix)


def test_similarity_is_the_normalized_mutual_information():
    def entropy(*shares):
        return -sum(share * math.log(share) for share in shares)

    # One value in four differs, so that the pairs (1, 1), (1, 0) and (0, 0) have the
    # shares 1/4, 1/4 and 1/2.
    found = _similarity(np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0]))
    expected = (entropy(0.5, 0.5) + entropy(0.25, 0.75)) / entropy(0.25, 0.25, 0.5)
    assert found == pytest.approx(expected)
    assert check(image(), image(), STILL).similarity == pytest.approx(2.0)
    assert _similarity(np.zeros(4), np.zeros(4)) == 1.0


def test_any_contrast_is_similar():
    fixed = image()
    inverted = Image(np.where(fixed.array > 0, 1.2 - fixed.array, 0), fixed.grid)
    aligned = check(inverted, fixed, STILL)
    away = check(inverted, fixed, shift(8.0))
    assert aligned.similarity > 1.5 > 1.2 > away.similarity


def test_coverage_is_the_share_of_the_foreground_inside():
    square = np.zeros((40, 40), "float32")
    square[10:30, 10:30] = 1.0
    fixed = Image.from_array(square)
    # The margin is 10 mm and the square 20 mm wide: 5 mm of it leave the image.
    found = check(fixed, fixed, shift(15.0))
    assert found.covered_percent == pytest.approx(75.0, abs=2.0)
    assert check(fixed, fixed, shift(200.0)).covered_percent == 0.0


def test_folds_are_counted_in_the_foreground():
    fixed = image()
    displacement = np.zeros((64, 64, 2), "float32")
    # A mirrored strip: x moves to -x there.
    displacement[30:34, :, 0] = -3.0 * (np.arange(30, 34)[:, None] - 31.5)
    folded = DisplacementTransform(displacement, fixed.grid)
    found = check(fixed, fixed, folded)
    assert 3.0 < found.folded_percent < 12.0
    assert check(fixed, fixed, STILL).folded_percent == 0.0


GOOD = {
    "similarity_before": 1.1,
    "similarity": 1.2,
    "folded_percent": 0.5,
    "covered_percent": 80.0,
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"similarity": 1.098}, None),
        ({"similarity": 1.05}, "less similar .* 1.050, and was 1.100"),
        ({"folded_percent": 2.25}, "folds in 2.2 %"),
        ({"covered_percent": 31.0}, "Only 31 % of the fixed foreground lies in"),
    ],
)
def test_each_limit_has_its_sentence(changes, said):
    found = Checks(**{**GOOD, **changes}).warnings()
    if said is None:
        assert found == []
    else:
        (message,) = found
        assert re.search(said, message)


def test_a_worse_transform_warns_and_is_written_down(tmp_path):
    fixed = image()
    pair = CanonicalPair(default_preprocessor(2), fixed, fixed)
    wrong = Registration(fixed, fixed, shift(12.0), {"total": 0.0})
    with pytest.warns(RegistrationWarning, match="less similar"):
        assert judge(wrong, pair, Timer()) is wrong
    assert "checks" in wrong.seconds
    folder = tmp_path / "out"
    wrong.save(folder)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["warnings"] == wrong.warnings
    assert "less similar" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("error::kregzoo.registrars.RegistrationWarning")
def test_a_good_registration_does_not_warn():
    fixed = image()
    moving = Image(np.roll(fixed.array, 3, axis=0), fixed.grid)
    result = register(moving, fixed, "rigid", "ncc", progress=False)
    assert result.warnings == [] == result.metrics["warnings"]
    # Already aligned: it must not count as a failure that nothing improves.
    assert register(fixed, fixed, "rigid", "ncc", progress=False).warnings == []


def test_the_start_is_what_the_registration_must_improve():
    fixed = image()
    moving = Image(np.roll(fixed.array, 3, axis=0), fixed.grid)
    (axis,) = np.flatnonzero(np.abs(fixed.grid.affine[:-1, 0]) > 0)
    matrix = np.eye(3)
    matrix[axis, 2] = 6.0 * np.sign(fixed.grid.affine[axis, 0])
    right = AffineTransform(matrix)
    found = check(moving, fixed, STILL, right)
    assert found.warnings() and found.similarity_before > found.similarity
    assert check(moving, fixed, right, right).warnings() == []
