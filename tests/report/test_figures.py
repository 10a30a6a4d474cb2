"""Figures, read back from what they draw."""

import io

import numpy as np
import pytest
from matplotlib import image as mpl_image

from kregzoo.report import KINDS, plot
from kregzoo.report.page import png
from kregzoo.spatial import Grid, Image


@pytest.fixture(params=[2, 3])
def pair(request):
    ndim = request.param
    shape = (20, 24, 16)[:ndim]
    rng = np.random.default_rng(1)
    grid = Grid(shape, np.diag([1.0, 1.5, 2.0, 1.0])[-ndim - 1 :, -ndim - 1 :])
    fixed, moving, warped = (
        Image(rng.uniform(size=shape).astype("float32"), grid) for _ in range(3)
    )
    displacement = rng.normal(0, 0.2, (*(n // 2 for n in shape), ndim))
    return fixed, moving, warped, displacement


@pytest.mark.parametrize("kind", KINDS)
def test_panels_share_one_scale_in_mm(pair, kind):
    figure = plot(*pair, kind=kind)
    inches = figure.get_size_inches()
    scales = []
    for axes in figure.axes:
        if axes.images:
            box = axes.get_position()
            scales.append(box.width * inches[0] / np.ptp(axes.get_xlim()))
            scales.append(box.height * inches[1] / np.ptp(axes.get_ylim()))
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 1 and box.y1 <= 1
    np.testing.assert_allclose(scales, scales[0])
    pixels = mpl_image.imread(io.BytesIO(png(figure)))
    assert pixels.std() > 0.05


def test_notebooks_show_figures(pair):
    figure = plot(*pair)
    assert figure._repr_png_() == png(figure)


@pytest.mark.parametrize("kind", KINDS)
def test_number_of_panels(pair, kind):
    planes = 1 if pair[0].grid.ndim == 2 else 3
    expected = {"overlay": 5, "checkerboard": 2, "difference": 2}.get(kind, 1)
    drawn = [axes for axes in plot(*pair, kind=kind).axes if axes.images]
    assert len(drawn) == expected * planes


def test_overlay_of_equal_images_is_gray():
    image = Image.from_array(np.random.default_rng(2).uniform(size=(16, 16)))
    after = plot(image, image, image, np.zeros((16, 16, 2))).axes[-1].images[0]
    colors = np.asarray(after.get_array())
    np.testing.assert_allclose(colors[..., :2], colors[..., 1:], atol=0.13)


def test_difference_of_equal_images_is_zero():
    image = Image.from_array(np.random.default_rng(2).uniform(size=(16, 16)))
    figure = plot(image, image, image, np.zeros((16, 16, 2)), kind="difference")
    assert not np.any(figure.axes[0].images[0].get_array())


def test_checkerboard_alternates_between_both_images():
    rng = np.random.default_rng(4)
    fixed, other = (Image.from_array(rng.uniform(size=(32, 32))) for _ in range(2))
    still = np.zeros((32, 32, 2))
    board = plot(fixed, other, fixed, still, kind="checkerboard").axes[0]
    singles = plot(fixed, other, fixed, still, kind="overlay").axes[:2]
    board, a, b = (np.asarray(axes.images[0].get_array()) for axes in (board, *singles))
    odd = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((4, 4)))
    np.testing.assert_array_equal(board, np.where(odd, b, a))


def test_folded_voxels_are_counted_and_marked():
    image = Image.from_array(np.random.default_rng(3).uniform(size=(16, 16)))
    displacement = np.zeros((16, 16, 2))
    displacement[8, 8] = 4.0
    axes = plot(image, image, image, displacement, kind="jacobian").axes[0]
    by_hand = np.eye(2) + np.stack(
        [np.stack(np.gradient(displacement[..., c]), -1) for c in range(2)], -2
    )
    folded = np.linalg.det(by_hand) <= 0
    marks = np.asarray(axes.images[-1].get_array())[..., 3] > 0
    np.testing.assert_array_equal(marks, folded[::-1])
    assert f"{folded.sum()} folded" in [text.get_text() for text in axes.texts]


def test_unknown_kind_is_refused(pair):
    with pytest.raises(ValueError, match="`kind` must be one of .*kind='movie'"):
        plot(*pair, kind="movie")
