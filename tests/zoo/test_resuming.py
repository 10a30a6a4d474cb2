"""Every system ends with the same weights after interruptions as without."""

import dataclasses
import json

import numpy as np
import pytest

import kregzoo
from kregzoo import zoo
from kregzoo.agents.environments import RegistrationEnvironment
from kregzoo.models import SYSTEMS
from kregzoo.models.reinforcement import liao_agent, ma_dueling
from kregzoo.models.supervised import sam_flownet
from kregzoo.spatial import Image
from kregzoo.training import checkpoints, trainers
from kregzoo.training.random_dataset import RandomDataset
from tests.phantoms import Phantom, linear_map, rotated_grid

# Changes of the scales, beside few steps.
SMALL = {
    "airnet": {"spacing": 6.0, "shapes": ((32, 32, 32),), "batch_size": 2},
    "dlir": {"spacing": 4.0, "shapes": ((32, 32),), "model": {"width": 4}},
    "dirnet": {"spacing": 4.0, "shapes": ((32, 32),)},
    "krebs": {"spacing": 4.0, "shapes": ((32, 32),)},
    "liao_agent": {"batch_size": 4},
    "sam_flownet": {"spacing": 2.0, "shapes": ((64, 64),), "model": {"width": 0.1}},
}
BRAINS = {"spacing": 6.0, "shapes": ((16, 16, 16), (32, 32, 32))}
PROSTATES = {"batch_size": 2}
PLANES = {"dirnet", "dlir", "krebs", "sam_flownet"}
STEPS = 5


def write(folder, ndim, count, roles=("image",), channels=False):
    """A data folder of phantoms with labels."""
    folder.mkdir()
    records = []
    for number in range(count):
        record = {}
        phantom = Phantom(ndim, radius=22.0, seed=number)
        for role in roles:
            degrees = 4.0 if role == "moving" else 0.0
            grid = rotated_grid((20,) * ndim, 4.0, 0.0)
            image = phantom.image(grid, linear_map(ndim, degrees=degrees))
            labels = np.digitize(image.array, (0.3, 0.8)).astype("uint8")
            if channels:
                labels = np.stack([labels > 0, labels > 1], axis=-1).astype("uint8")
            key = "label" if role == "image" else f"{role}_label"
            for name, array in ((role, image.array), (key, labels)):
                record[name] = f"{number}_{name}.nii.gz"
                write_volume(folder / record[name], array, grid)
        records.append(record)
    about = {"title": "Phantoms", "licence": "CC0", "source": "made"}
    (folder / "dataset.json").write_text(json.dumps({**about, "train": records}))
    return folder


def write_volume(path, array, grid):
    if array.ndim == len(grid.shape):
        return Image(array, grid).write(path)
    import nibabel

    return nibabel.save(nibabel.Nifti1Image(array, grid.affine), path)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    pair = ("moving", "fixed")
    return {
        "brain_t1": write(root / "brain_t1", 3, 4),
        "ct_volumes": write(root / "ct_volumes", 3, 3),
        "brain_2d": write(root / "brain_2d", 2, 4),
        "cardiac_cine": write(root / "cardiac_cine", 2, 4, pair),
        "prostate_mr_us": write(root / "prostate_mr_us", 3, 4, pair, channels=True),
    }


@pytest.fixture
def small(monkeypatch):
    """Every system at a scale of seconds."""
    monkeypatch.setattr(trainers, "STEPS_PER_EPOCH", 2)
    monkeypatch.setattr(trainers, "VALIDATION_EVERY", 1)
    monkeypatch.setattr(checkpoints, "WRITE_EVERY", 0.0)
    monkeypatch.setattr(liao_agent, "VARIANTS", 2)
    monkeypatch.setattr(ma_dueling, "VARIANTS", 2)
    monkeypatch.setattr(sam_flownet, "SEEDS", 2)
    for system in SYSTEMS.values():
        name, recipe = next(iter(system.recipes.items()))
        changes = SMALL.get(system.name, {})
        if not changes:
            changes = {"brain_t1": BRAINS, "prostate_mr_us": PROSTATES}.get(name, {})
        scale = dataclasses.replace(recipe.scales["cpu"], steps=STEPS, **changes)
        data, trainer = recipe.data, recipe.trainer
        if hasattr(data, "held_out"):
            data = dataclasses.replace(data, held_out=1 if name[:2] == "ct" else 2)
        if hasattr(trainer, "warm_up"):
            scale = dataclasses.replace(scale, steps=150)
            trainer = dataclasses.replace(trainer, warm_up=30, capacity=90)
        if system.name == "ma_dueling":
            monkeypatch.setattr("kregzoo.agents.q_learning.CHUNK", 30)
        scales = {"cpu": scale}
        changed = dataclasses.replace(
            recipe, data=data, trainer=trainer, scales=scales, initial=None
        )
        monkeypatch.setitem(system.recipes, name, changed)


class Killed(Exception):
    pass


class Clock:
    """Counts the items drawn and the steps of agents; ends the run at one of them."""

    def __init__(self, monkeypatch):
        self.count, self.end = 0, np.inf
        for owner, name in ((RandomDataset, "__getitem__"), (_Environment, "step")):
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, function):
        def call(*args):
            self.count += 1
            if self.count >= self.end:
                raise Killed("killed")
            return function(*args)

        return call


_Environment = RegistrationEnvironment


@pytest.mark.proof
@pytest.mark.parametrize("system", SYSTEMS)
def test_interruptions_do_not_change_the_weights(
    system, folders, small, tmp_path, monkeypatch
):
    (recipe, *_) = SYSTEMS[system].recipes
    clock = Clock(monkeypatch)

    def train(folder):
        return zoo.train(system, folders[recipe], tmp_path / folder, recipe=recipe)

    train("whole")
    rng = np.random.default_rng(0)
    for moment in rng.uniform(0.2, 0.8, 3) * clock.count:
        clock.count, clock.end = 0, moment
        # TensorFlow raises an error of its own if drawing an item fails.
        with pytest.raises(Exception, match="killed"):
            train("killed")
    clock.end = np.inf
    train("killed")
    whole, killed = (
        kregzoo.load(tmp_path / name).model.get_weights()
        for name in ("whole", "killed")
    )
    for one, other in zip(whole, killed, strict=True):
        np.testing.assert_array_equal(one, other)
    histories = [
        sorted((tmp_path / name / "training").rglob("history.json"))
        for name in ("whole", "killed")
    ]
    for paths in zip(*histories, strict=True):
        one, other = (json.loads(p.read_text(encoding="utf-8")) for p in paths)
        assert [_losses(epoch) for epoch in one] == [_losses(epoch) for epoch in other]


def _losses(epoch):
    return {key: value for key, value in epoch.items() if key != "seconds"}
