"""Presets and registrations as HTML."""

import base64
import io

import numpy as np
import pytest
from matplotlib import image as mpl_image

from kregzoo.app import views
from kregzoo.presets.preset import installed_presets
from kregzoo.report import KINDS, Scene
from kregzoo.report.html import embedded
from kregzoo.spatial import Image


def test_cards_describe_every_preset():
    cards = views.cards()
    assert [card["name"] for card in cards] == list(installed_presets())
    for card in cards:
        assert all(card.values())
        kind, _, content = card["picture"].partition(",")
        assert kind == "data:image/png;base64"
        assert mpl_image.imread(io.BytesIO(base64.b64decode(content))).ndim == 3


def test_an_example_comes_before_the_training_curves(tmp_path):
    assert views.picture(tmp_path) == ""
    for name in ("training", "work"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
        assert views.picture(tmp_path) == embedded(name.encode())


@pytest.mark.parametrize("kind", [views.FADE, *KINDS])
def test_views_show_the_chosen_slices(kind):
    rng = np.random.default_rng(0)
    volume = Image.from_array(rng.uniform(size=(9, 10, 11)))
    other = Image(rng.uniform(size=(9, 10, 11)), volume.grid)
    field = rng.normal(size=(9, 10, 11, 3)).astype("float32")
    scene = Scene(volume, other, other, field)
    drawn = {views.stage(scene, kind, voxel) for voxel in ((4, 5, 6), (4, 5, 7))}
    assert len(drawn) == 2
    assert all(view.count("<img") == (2 if kind == views.FADE else 1) for view in drawn)
