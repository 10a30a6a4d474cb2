import dataclasses
import io

import numpy as np
import pytest

import kregzoo
from kregzoo import zoo
from kregzoo.losses import BendingEnergy
from kregzoo.presets import preset as presets
from kregzoo.registrars import Refinement
from tests.helpers import assert_close
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid
from tests.zoo.tiny import (
    change,
)

METRICS = {
    "phantoms": {
        "centers": {"dice": [0.4, 0.3, 0.5]},
        "one pass": {"dice": [0.5125, 0.5, 0.525], "seconds": 1.2},
    }
}


def test_a_trained_preset_loads_and_registers(trained):
    _, preset, out = trained
    registrar = kregzoo.load(out)
    assert registrar.metadata["name"] == "voxelmorph_phantoms"
    with np.load(out / "training/checkpoint.npz") as arrays:
        for number, weight in enumerate(registrar.model.weights):
            assert_close(weight, arrays[f"best/{number}"], rtol=2**-10, atol=1e-7)
    truth = linear_map(3, degrees=4.0)
    phantom = Phantom(3, radius=22.0)
    grid = rotated_grid((24, 24, 24), 3.5, 0.0)
    result = registrar.register(
        phantom.image(grid), phantom.image(grid, truth), progress=False
    )
    assert mean_error(result.transform, truth, phantom.landmarks()) < 2.0


def test_refinement_is_as_smooth_as_the_recipe_has_it(trained, monkeypatch):
    _, _, out = trained
    grid = rotated_grid((24, 24, 24), 3.5, 0.0)
    moving, fixed = (Phantom(3, radius=22.0, seed=n).image(grid) for n in range(2))

    def roughness():
        result = kregzoo.load(out).register(moving, fixed, refine=10, progress=False)
        return result.metrics["sd_log_j"]

    free = roughness()
    stiff = Refinement(regularizers=((BendingEnergy(), 1e4),))
    change(monkeypatch, "voxelmorph", "brain_t1", refinement=stiff)
    assert roughness() < 0.5 * free


def test_models_are_listed_and_printed(trained, monkeypatch):
    from rich.console import Console

    _, _, out = trained
    found = {out.name: out}
    for module in (zoo.loading, presets):
        monkeypatch.setattr(module, "installed_presets", lambda: found)
    (record,) = kregzoo.list_models()
    assert record.name == "voxelmorph_phantoms"
    assert (record.system, record.chapter, record.ndim) == ("voxelmorph", "5.1", 3)
    assert (record.data, record.licence) == ("Phantoms", "CC0")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(zoo.table([dataclasses.replace(record, metrics=METRICS)]))
    text = console.export_text()
    assert "voxelmorph_phantoms" in text and "Dice 0.40 → 0.51" in text
    assert kregzoo.load("voxelmorph_phantoms").metadata["name"] == record.name


def test_a_preset_cannot_name_code_to_run(trained, tmp_path):
    _, preset, out = trained
    for system in ("os.system", "../voxelmorph", "builtins.eval"):
        bad = dataclasses.replace(
            preset,
            folder=tmp_path / "bad",
            config={"system": system, "arguments": {}},
        )
        bad.write(kregzoo.load(out).model, "card")
        with pytest.raises(ValueError, match="`system`.*Received"):
            kregzoo.load(tmp_path / "bad")
