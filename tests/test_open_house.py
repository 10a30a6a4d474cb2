"""New kinds of systems need no change of the library, which names no system."""

import ast
import io
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

import kregzoo
from kregzoo import zoo
from kregzoo.cli.command_line import main
from kregzoo.metrics.registry import METRICS
from kregzoo.models import SYSTEMS as SHIPPED
from kregzoo.presets import preset as presets
from kregzoo.presets.preset import Preset
from kregzoo.spatial import Image
from tests.phantoms import Phantom, rotated_grid
from tests.toy_parts import METRIC
from tests.toy_systems import SYSTEMS

ROOT = pathlib.Path(__file__).parents[1]
TOYS = {system.name: system for system in SYSTEMS}


@pytest.fixture(scope="module", autouse=True)
def registered():
    """Register the toy systems for this module."""
    with pytest.MonkeyPatch.context() as patch:
        for system in SYSTEMS:
            patch.setitem(SHIPPED, system.name, system)
        patch.setitem(METRICS, METRIC.name, METRIC)
        yield


def write_data(folder, ndim):
    """Write five images to train on, and two labeled pairs to evaluate on."""
    folder.mkdir(parents=True)
    grid = rotated_grid((20,) * ndim, 4.0, 0.0)
    for number in range(5):
        image = Phantom(ndim, radius=25.0, seed=number).image(grid)
        image.write(folder / f"{number}.nii.gz")
        labels = (image.array > 0.3).astype("uint8")
        Image(labels, grid).write(folder / f"{number}_label.nii.gz")
    keys = {
        "moving": "0.nii.gz",
        "moving_label": "0_label.nii.gz",
        "fixed": "1.nii.gz",
        "fixed_label": "1_label.nii.gz",
    }
    description = {
        "title": "Phantoms",
        "licence": "CC0",
        "source": "made here",
        "train": [{"image": f"{number}.nii.gz"} for number in range(5)],
        "eval": [
            keys,
            {**keys, "moving": "2.nii.gz", "moving_label": "2_label.nii.gz"},
        ],
    }
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, registered):
    """Return the preset folder and the data folder of each system."""
    root = tmp_path_factory.mktemp("house")
    data = {ndim: write_data(root / str(ndim) / "phantoms", ndim) for ndim in (2, 3)}
    found = {}
    for name, system in TOYS.items():
        ndim = len(system.recipe.scales["cpu"].shapes[0])
        zoo.train(name, data[ndim], root / name)
        found[name] = root / name, data[ndim]
    return found


def inputs_of(name, data, folder):
    """Return the input files of the task."""
    if name == "toy_projection":
        flat = Image.from_array(np.random.default_rng(0).random((16, 16)), spacing=4.0)
        flat.write(folder / "projection.nii.gz")
        return [data / "0.nii.gz", folder / "projection.nii.gz"]
    images = [data / "0.nii.gz", data / "1.nii.gz"]
    return [images] if name == "toy_group" else images


toys = pytest.mark.parametrize("name", TOYS)


@toys
def test_a_preset_is_trained_loaded_used_and_saved(name, trained, tmp_path):
    folder, data = trained[name]
    network = kregzoo.load(folder)
    task = TOYS[name].task
    result = getattr(network, task.verb)(*inputs_of(name, data, tmp_path))
    paths = result.save(tmp_path / "out")
    assert paths and all(path.is_file() for path in paths)
    copy = network.save_preset(tmp_path / "copy")
    again = kregzoo.load(copy).model.get_weights()
    for one, other in zip(again, network.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


@toys
def test_a_preset_is_listed_with_a_card(name, trained, monkeypatch):
    from rich.console import Console

    folder, _ = trained[name]
    for module in (zoo.loading, presets):
        monkeypatch.setattr(module, "installed_presets", lambda: {name: folder})
    task = TOYS[name].task
    (record,) = kregzoo.list_models(task=task.verb)
    assert record.predicts == TOYS[name].predicts
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(zoo.table([record]))
    assert name in console.export_text()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f".{task.verb}(" in card and "Phantoms" in card
    assert ("register(" in card) == (task.verb == "register")


@toys
def test_the_command_line_runs_any_task(name, trained, tmp_path, capsys):
    folder, data = trained[name]
    inputs = inputs_of(name, data, tmp_path)
    files = map(str, inputs[0] if name == "toy_group" else inputs)
    assert main(["run", str(folder), *files, "-o", str(tmp_path / "out")]) == 0
    assert any((tmp_path / "out").iterdir())
    assert str(tmp_path / "out") in capsys.readouterr().out


@toys
def test_the_command_line_evaluates_by_the_declared_protocol(name, trained, tmp_path):
    folder, data = trained[name]
    copy = tmp_path / name
    shutil.copytree(folder, copy)
    words = ["evaluate", str(copy), "--data", str(data), "--refine", "0", "--record"]
    assert main([*words, "--out", str(tmp_path / "measured")]) == 0
    metric = METRIC if TOYS[name].protocols else METRICS["dice"]
    results = (tmp_path / "measured/RESULTS.md").read_text(encoding="utf-8")
    assert f"`{name}`" in results and metric.title in results
    (measured,) = Preset.read(copy).metadata["metrics"].values()
    mean, *ends = measured["one pass"][metric.name]
    # Two pairs are too few for an interval.
    assert np.isfinite(mean) and ends == [None, None]
    assert metric.heading in (copy / "README.md").read_text(encoding="utf-8")
    assert zoo.cards.headline({"phantoms": measured}).startswith(metric.title)


def test_another_task_is_refused(trained):
    folder, _ = trained["toy_error"]
    with pytest.raises(ValueError, match="task 'register'.*predicts the error"):
        kregzoo.load(folder, task="register")


def test_the_closed_form_solution_registers(trained):
    folder, data = trained["toy_solved"]
    registrar = kregzoo.load(folder)
    image = Image.read(data / "0.nii.gz")
    # The second axis of the file is the first of the network's frame.
    array = np.roll(image.array, 1, axis=1)
    moved = Image(array, image.grid)
    result = registrar.register(moved, image, progress=False)
    assert result.metrics["ncc"] > 0.99 > result.metrics["ncc_before"]


def test_the_discriminators_were_trained(trained):
    model = kregzoo.load(trained["toy_judged"][0]).model
    keras.utils.set_random_seed(0)
    fresh = TOYS["toy_judged"].builder((16, 16, 1))
    for name in ("judge_of_warped", "judge_of_displacement"):
        before, after = (m.get_layer(name).get_weights() for m in (fresh, model))
        assert np.abs(after[0] - before[0]).max() > 1e-4


def test_no_file_outside_models_names_a_system():
    names = SHIPPED.keys() - TOYS.keys()
    # A library of the benchmark has the same name as a system.
    exempt = {"kregzoo/evaluation/benchmark_cases/torch_networks.py"}
    named = []
    for path in sorted((ROOT / "kregzoo").rglob("*.py")):
        relative = path.relative_to(ROOT)
        if "models" in relative.parts or relative.as_posix() in exempt:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            # Texts, such as examples in docstrings, may name a system; code may not.
            words = [
                getattr(node, key, None) for key in ("value", "id", "attr", "name")
            ]
            if any(isinstance(word, str) and word in names for word in words):
                named.append(f"{relative}:{node.lineno}")
    assert not named
