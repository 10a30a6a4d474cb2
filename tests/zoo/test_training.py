import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

import kregzoo
from kregzoo import ops, zoo
from kregzoo.models import SYSTEMS
from kregzoo.models.supervised import sam_flownet
from kregzoo.presets import preset as presets
from kregzoo.presets.preset import Preset
from kregzoo.spatial import Preprocessor
from kregzoo.training import Scale, Staged, Supervised, trainers
from tests.helpers import assert_close
from tests.phantoms import Phantom, linear_map
from tests.zoo.tiny import (
    SCALE,
    Untrained,
    change,
    write_contrasts,
    write_data,
    write_slices,
)

pytestmark = pytest.mark.usefixtures("small")


def test_training_writes_a_preset(trained):
    data, preset, out = trained
    assert preset.folder == out and preset.name == "voxelmorph_phantoms"
    read = Preset.read(out)
    assert read.config == {
        "system": "voxelmorph",
        "recipe": "brain_t1",
        "arguments": SCALE.model,
    }
    assert read.preprocessor == Preprocessor(4.0, SCALE.shapes)
    metadata = read.metadata
    assert metadata["chapter"] == "5.1" and "[7]" in metadata["reference"]
    assert metadata["data"] == {
        "name": "phantoms",
        "title": "Phantoms",
        "source": "made here",
        "licence": "CC0",
    }
    training = metadata["training"]
    assert (training["steps"], training["seed"]) == (10, 7)
    assert training["backend"] == keras.backend.backend()
    words = training["command"].split()
    assert words[:3] == ["kregzoo", "train", "voxelmorph"]
    assert words[words.index("--steps") + 1] == "10"
    assert str(data.parent) not in (out / "metadata.json").read_text(encoding="utf-8")
    card = (out / "README.md").read_text(encoding="utf-8")
    for said in ("# voxelmorph_phantoms", "Phantoms", "CC0", "CVPR 2018"):
        assert said in card
    history = json.loads((out / "training/history.json").read_text(encoding="utf-8"))
    assert len(history) == 5 and np.isfinite(history[-1]["val_loss"])


@pytest.mark.parametrize("last", ["draw_curves", "card"])
def test_weights_outlive_what_fails_after_them(trained, last, tmp_path, monkeypatch):
    def fails(*arguments):
        raise RuntimeError("no ink")

    data, _, out = trained
    monkeypatch.setattr(zoo.training, last, fails)
    shutil.copytree(out / "training", tmp_path / "out" / "training")
    with pytest.raises(RuntimeError, match="no ink"):
        zoo.train("voxelmorph", data, tmp_path / "out", seed=7)
    saved = kregzoo.load(tmp_path / "out").model.get_weights()
    for one, other in zip(saved, kregzoo.load(out).model.get_weights(), strict=True):
        assert_close(one, other)


def test_every_image_is_aligned_with_the_first(trained):
    _, _, out = trained
    known = json.loads((out / "training/alignment.json").read_text(encoding="utf-8"))
    matrices = [np.array(matrix) for matrix in known.values()]
    assert len(matrices) == 5
    points = Phantom(3, radius=22.0).landmarks()
    np.testing.assert_allclose(matrices[0], np.eye(4), atol=0.02)

    def pose(number):
        return linear_map(3, degrees=3.0 * number, shift=2.0 * number)

    # Those of the same phantom: what lies at x in the first lies at y in the other,
    # where pose(y) = x.
    for number in (2, 4):
        matrix = matrices[number]
        moved = points @ matrix[:-1, :-1].T + matrix[:-1, -1]
        error = np.linalg.norm(pose(number)(moved) - points, axis=1).mean()
        assert error < 2.0


def test_training_again_goes_on_and_not_over(trained):
    data, _, out = trained
    before = (out / "training/checkpoint.npz").read_bytes()
    weights = (out / "model.weights.h5").read_bytes()
    zoo.train("voxelmorph", data, out, seed=7)
    assert (out / "training/checkpoint.npz").read_bytes() == before
    assert len(weights) == len((out / "model.weights.h5").read_bytes())


def test_records_that_are_pairs_stay_pairs(small, tmp_path, monkeypatch):
    trainer = Untrained()
    change(monkeypatch, "voxelmorph", "brain_t1", trainer=trainer)
    data = write_data(tmp_path / "data", paired=True, count=4)
    zoo.train("voxelmorph", data, tmp_path / "out")
    pairs, validation = trainer.sets
    assert len(pairs.images) == len(validation.images) == 4
    assert pairs.pairs == validation.pairs == [(0, 1), (2, 3)]
    assert pairs[0][0]["moving"].shape[1:-1] in SCALE.shapes
    assert np.max(validation[1][0]["fixed"]) > 0.5


def test_moving_images_of_pairs_are_aligned_with_their_own_fixed_ones(
    small, tmp_path, monkeypatch
):
    change(monkeypatch, "voxelmorph", "brain_t1", trainer=Untrained())
    data = write_data(tmp_path / "data", paired=True, count=4)
    zoo.train("voxelmorph", data, tmp_path / "affine")
    unaligned = {"alignment": "none", "both_directions": True}
    change(monkeypatch, "voxelmorph", "brain_t1", data=unaligned)
    zoo.train("voxelmorph", data, tmp_path / "none")
    known = {
        name: json.loads(
            (tmp_path / name / "training/alignment.json").read_text(encoding="utf-8")
        )
        for name in ("affine", "none")
    }
    matrices = {n: list(map(np.array, found.values())) for n, found in known.items()}
    # Records 0 and 2 are of one phantom, both roles of a record in one pose: the fixed
    # images are only centered, and between the roles there is nothing to align.
    for found in matrices.values():
        for moving, fixed in zip(found[::2], found[1::2], strict=True):
            np.testing.assert_allclose(fixed[:3, :3], np.eye(3), atol=0.02)
            np.testing.assert_allclose(moving, fixed, atol=0.3)
    assert kregzoo.load(tmp_path / "none").alignment == "none"


def test_stages_are_trained_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(trainers, "STEPS_PER_EPOCH", 2)
    stages = tuple({"spacings": spacings} for spacings in ((), (16,), (16, 8)))
    scale = Scale(
        spacing=4.0,
        shapes=((32, 32, 32),),
        steps=2,
        learning_rate=1e-3,
        model={"width": 4},
    )
    recipes = SYSTEMS["dlir"].recipes
    monkeypatch.setitem(recipes, "tiny", recipes["brain_t1"])
    models = []

    class Recorded(Supervised):
        def fit_model(self, model, sets, scale, folder):
            models.append(model)
            return super().fit_model(model, sets, scale, folder)

    trainer = Staged(Recorded(recipes["tiny"].trainer.trainer.losses), stages)
    change(monkeypatch, "dlir", "tiny", trainer=trainer, scales={"cpu": scale})
    out = tmp_path / "dlir_phantoms"
    preset = zoo.train("dlir", write_data(tmp_path / "data"), out, recipe="tiny")
    assert preset.config["arguments"] == {"width": 4, "spacings": (16, 8)}
    assert "--recipe tiny" in preset.metadata["training"]["command"]
    assert (out / "training/stage_3/checkpoint.npz").is_file()
    # Frozen: what a stage has learnt does not change any more.
    for earlier, later in zip(models, models[1:], strict=False):
        for layer in earlier.layers:
            same = later.get_layer(layer.name)
            for one, other in zip(layer.weights, same.weights, strict=True):
                assert_close(one, keras.ops.convert_to_numpy(other), rtol=0, atol=0)
            assert not (layer.weights and same.trainable)
    last = [la for la in models[-1].layers if la.weights and la.trainable]
    assert last and all(layer.name.startswith("stage_2") for layer in last)
    registrar = kregzoo.load(out)
    assert registrar.alignment == "centers"
    assert registrar.model.get_layer("stage_2_control_points")


def test_a_system_may_start_from_another_s_weights(trained, tmp_path, monkeypatch):
    _, _, start = trained
    name = "voxelmorph_brain_t1"
    monkeypatch.setattr(presets, "installed_presets", lambda: {name: start})
    change(monkeypatch, "vxmdiff", "brain_t1", initial=name)
    data = write_data(tmp_path / "data", count=4, labeled=True)
    zoo.train("vxmdiff", data, tmp_path / "vxmdiff_phantoms", steps=1)
    folder = tmp_path / "vxmdiff_phantoms/training"
    (epoch,) = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    assert 0.0 < epoch["warped_labels_loss"] < 1.0
    registrar = kregzoo.load(str(tmp_path / "vxmdiff_phantoms"))
    assert registrar.model.name == "vxmdiff"
    assert registrar.metadata["training"]["initial"] == name
    # One step of 1e-3 moves no weight by more than about that.
    before, after = kregzoo.load(start).model, registrar.model
    one, other = (m.get_layer("encoder_2").get_weights()[0] for m in (before, after))
    assert_close(one, other, rtol=0, atol=3e-3)
    assert np.abs(one).max() > 0.1


def test_a_preset_is_trained_further(trained, tmp_path):
    data, _, start = trained
    out = tmp_path / "further"
    zoo.train("voxelmorph", data, out, steps=1, initial=start)
    before, after = (
        kregzoo.load(folder).model.get_weights() for folder in (start, out)
    )
    for one, other in zip(before, after, strict=True):
        assert_close(one, other, rtol=0, atol=3e-3)
    training = Preset.read(out).metadata["training"]
    assert training["initial"] == start.name
    assert f" --initial {start.name} " in training["command"]
    with pytest.raises(ValueError, match="no preset of this name.*'moon'"):
        zoo.train("voxelmorph", data, tmp_path / "lost", initial="moon")
    with pytest.raises(ValueError, match="`initial`.*shares layers.*Received"):
        zoo.train("airnet", data, tmp_path / "lost", steps=1, initial=start)


def test_pairs_of_one_s_own_serve_fit(trained):
    data, _, start = trained
    registrar = kregzoo.load(start)
    pairs, held_out = zoo.training_pairs(registrar, data, batch_size=2)
    (images,) = pairs[0]
    assert images["moving"].shape == images["fixed"].shape
    assert images["fixed"].shape[0] == 2 and np.max(images["fixed"]) > 0.5
    pairs.steps_per_epoch = 2
    registrar.model.compile("adam", loss={"warped": "mse"})
    history = registrar.model.fit(pairs, validation_data=held_out, verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()
    registrar.preset = None
    with pytest.raises(ValueError, match="`registrar`.*kregzoo.load.*OneStepRegistrar"):
        zoo.training_pairs(registrar, data)


def test_bad_arguments_are_refused(small, tmp_path):
    data = write_data(tmp_path / "data", count=2)
    for system in ("nothing", "", None):
        with pytest.raises(ValueError, match="`system`.*voxelmorph.*Received"):
            zoo.find_system(system)
    with pytest.raises(ValueError, match="`scale`.*cpu.*Received: 'huge'"):
        zoo.train("voxelmorph", data, tmp_path / "out", scale="huge")
    with pytest.raises(
        ValueError, match="`steps` must be at least 1.*Received: steps=0"
    ):
        zoo.train("voxelmorph", data, tmp_path / "out", steps=0)
    with pytest.raises(ValueError, match="dataset.json"):
        zoo.train("voxelmorph", tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match="`data`.*Received: 2"):
        zoo.train("voxelmorph", data, tmp_path / "out")
    (data / "dataset.json").write_text('{"title": "no images"}')
    with pytest.raises(ValueError, match="`data`.*Received: 0"):
        zoo.train("voxelmorph", data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["brain_2d", "brain_2d_random"])
def test_a_recipe_may_make_its_pairs(name, tmp_path, monkeypatch):
    monkeypatch.setattr(trainers, "STEPS_PER_EPOCH", 2)
    monkeypatch.setattr(sam_flownet, "SEEDS", 4)
    system = SYSTEMS["sam_flownet"]
    scale = dataclasses.replace(
        system.recipe.scales["cpu"], steps=2, shapes=((64, 64),), model={"width": 0.1}
    )
    change(
        monkeypatch, "sam_flownet", name, data={"held_out": 4}, scales={"cpu": scale}
    )
    data, out = write_slices(tmp_path / "slices"), tmp_path / "out"
    preset = zoo.train("sam_flownet", data, out, recipe=name)
    assert preset.config["recipe"] == name
    (epoch,) = json.loads((out / "training/history.json").read_text(encoding="utf-8"))
    assert 0.005 < epoch["flow_2_loss"] < 1
    registrar = kregzoo.load(out)
    scan = data / "0.nii.gz"
    assert registrar.register(scan, scan, progress=False).warped.grid.ndim == 2


def test_contrasts_train_networks_of_deformations_too(small, tmp_path, monkeypatch):
    trainer = Untrained()
    change(monkeypatch, "voxelmorph", "brain_t1", trainer=trainer)
    data = write_contrasts(tmp_path / "data", count=4)
    zoo.train("voxelmorph", data, tmp_path / "out")
    assert trainer.sets[0].pairs == [(0, 1), (1, 0), (2, 3), (3, 2)]
    known = json.loads((tmp_path / "out/training/alignment.json").read_text())
    assert list(known) == [f"{n} t1.nii.gz" for n in (0, 2, 4, 6)]


def test_a_folder_holds_one_run_s_training(trained, tmp_path):
    data, _, out = trained
    other = write_data(tmp_path / "data")
    text = (other / "dataset.json").read_text()
    (other / "dataset.json").write_text(text.replace("CC0", "CC-BY"))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    for one in ({"seed": 8}, {"steps": 3}, {"data": other}):
        with pytest.raises(ValueError, match="another run.*Received"):
            zoo.train("voxelmorph", **{"data": data, "out": out, "seed": 7, **one})
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_records_without_an_image_are_named(tmp_path):
    data = write_contrasts(tmp_path / "data", count=4)
    dataset = json.loads((data / "dataset.json").read_text())
    del dataset["train"][2]["t2"]
    (data / "dataset.json").write_text(json.dumps(dataset))
    with pytest.raises(ValueError, match="t1, t2.*Received: record 2 without t2"):
        zoo.train("voxelmorph", data, tmp_path / "out")


def test_contrasts_of_a_person_stay_aligned(tmp_path, monkeypatch):
    trainer = Untrained()
    scale = Scale(
        spacing=5.0,
        shapes=((16, 16, 16),),
        steps=1,
        learning_rate=1e-3,
        model={"planar_blocks": (1,), "spatial_blocks": (1,)},
        divisor=None,
    )
    change(
        monkeypatch,
        "airnet",
        "brain_ms",
        data={"augmentation": None},
        trainer=trainer,
        scales={"cpu": scale},
        initial=None,
    )
    zoo.train(
        "airnet", write_contrasts(tmp_path / "c"), tmp_path / "out", recipe="brain_ms"
    )
    assert trainer.sets[0].pairs == [(0, 1), (1, 0), (2, 3), (3, 2)]
    assert trainer.sets[1].pairs == [(0, 1), (1, 0)]
    for dataset in trainer.sets:
        # With the affine taken back, one contrast is the other's inverse in place.
        images, targets = dataset[0]
        warped = ops.warp(
            images["moving"],
            ops.affine_to_displacement(targets["affine"], (16, 16, 16)),
        )
        both = (np.array(warped) > 0.2) & (np.array(images["fixed"]) > 0.2)
        assert both.sum() > 200
        values = np.array(warped)[both], images["fixed"][both]
        assert np.corrcoef(*values)[0, 1] < -0.8
