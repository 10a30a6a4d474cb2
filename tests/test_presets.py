"""The presets that come with the package, each on a pair it can register."""

import numpy as np
import pytest

import kregzoo
from kregzoo import evaluation
from tests.phantoms import Phantom, mean_error, rotated_grid, wave

RECORDS = kregzoo.list_models()
presets = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)


def test_there_are_presets():
    assert RECORDS


@presets
def test_a_preset_is_described(record):
    folder = kregzoo.registrars.presets.installed_presets()[record.name]
    metadata = kregzoo.load(record.name).metadata
    assert record.figures and record.licence and record.data
    assert metadata["training"]["minutes"] > 0
    card = (folder / "README.md").read_text()
    for name, value in record.figures.items():
        assert name.replace("_", " ") in card and str(value) in card


@presets
def test_a_preset_undoes_a_small_deformation(record):
    registrar = kregzoo.load(record.name)
    ndim = record.ndim
    # Blobs of the size of a head, which no network has seen.
    phantom = Phantom(ndim, radius=65.0, count=80)
    truth = wave(ndim, amplitude=4.0, length=140.0)
    grid = rotated_grid((60,) * ndim, 3.0, 8.0)
    moving, fixed = phantom.image(grid), phantom.image(grid, truth)
    result = registrar.register(moving, fixed, progress=False)
    points = phantom.landmarks()
    before = np.linalg.norm(truth(points) - points, axis=1).mean()
    assert mean_error(result.transform, truth, points) < before
    assert result.metrics["ncc"] > result.metrics["ncc_before"]
    assert result.metrics["folded_percent"] < 0.5


@pytest.mark.real_data
@presets
def test_a_preset_reaches_its_figure(record, data_root):
    registrar = kregzoo.load(record.name)
    data = data_root / registrar.metadata["data"]["name"]
    pair = evaluation.read_pairs(data)[0]
    result = registrar.register(pair.moving, pair.fixed, progress=False)
    (labels,) = evaluation.structures([pair])
    rows = evaluation.measure(pair, result.transform, labels)
    dice = np.mean([row["dice"] for row in rows])
    # One pair of the mean that the card states; persons differ by a few points.
    assert dice > registrar.metadata["figures"]["dice one pass"] - 0.06
