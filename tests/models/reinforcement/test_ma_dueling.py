import dataclasses
import json

import numpy as np
import pytest

import kregzoo
from kregzoo import zoo
from kregzoo.agents import q_learning
from kregzoo.models import SYSTEMS, MaDuelingDQN
from kregzoo.models.reinforcement import ma_dueling
from kregzoo.spatial import Image
from tests.phantoms import Phantom, rotated_grid

SMALL = {"widths": (8, 8, 8), "dense": 16}


def test_size_with_the_widths_of_the_first_deep_q_network():
    # What is seen, and the gap between both surfaces.
    count = (64 * (3 + 1) + 1) * 32 + (16 * 32 + 1) * 64 + (9 * 64 + 1) * 64
    flat = 16 * 16 * 64
    count += 2 * (2 * (flat + 1) * 512 + 513 * 1 + 513 * 12)
    assert MaDuelingDQN().count_params() == count
    plain = (flat + 1) * 512 + 513 * 12
    trunk = count - 2 * (2 * (flat + 1) * 512 + 513 * 13)
    assert MaDuelingDQN(dueling=False).count_params() == trunk + plain
    one = (count + trunk) / 2
    assert MaDuelingDQN(separate=False).count_params() == one


def test_values_are_the_sum_of_what_both_rewards_add():
    model = MaDuelingDQN((32, 32, 32, 1), **SMALL)
    view = np.random.default_rng(0).random((2, 32, 32, 3)).astype("float32")
    outputs = model.predict_on_batch({"view": view})
    total = outputs["step"] + outputs["terminal"]
    np.testing.assert_allclose(outputs["values"], total, atol=1e-5)
    assert np.abs(outputs["terminal"]).max() > 1e-3
    for single in ({"dueling": False}, {"separate": False}):
        assert set(MaDuelingDQN((32, 32, 32, 1), **single).output) == {"values"}


def test_advantages_are_centered_on_the_state_s_value():
    model = MaDuelingDQN((32, 32, 32, 1), **SMALL)
    agent = model.get_layer("agent")
    agent.get_layer("step_advantage").bias.assign(np.arange(12.0))
    view = np.zeros((1, 32, 32, 3), "float32")
    step = model.predict_on_batch({"view": view})["step"][0]
    # Nothing is seen, so the value is its bias, 0.
    np.testing.assert_allclose(step, np.arange(12.0) - 5.5, atol=1e-5)


def test_the_last_stage_moves_half_as_far_by_the_same_network():
    first, last = SYSTEMS["ma_dueling"].recipes["ct_volumes"].data.stages
    assert first.layer == last.layer
    moves = [(stage.motions.shift, stage.motions.angle) for stage in (first, last)]
    np.testing.assert_allclose(moves[1], np.divide(moves[0], 2))


def test_data_without_skin_are_refused():
    crop = Image(np.ones((48, 48, 48), "float32"), rotated_grid((48,) * 3, 3.0, 0.0))
    recipe = SYSTEMS["ma_dueling"].recipes["ct_volumes"]
    with pytest.raises(ValueError, match="`data`.*Received"):
        recipe.data.make_environment([crop], recipe.data.stages)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", ["ct_volumes", "ct_volumes_dueling", "ct_volumes_dqn"]
)
def test_an_agent_is_trained_killed_resumed_and_loaded(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(q_learning, "CHUNK", 100)
    monkeypatch.setattr(ma_dueling, "VARIANTS", 3)
    recipes = SYSTEMS["ma_dueling"].recipes
    trainer = dataclasses.replace(recipes[recipe].trainer, warm_up=50)
    changed = dataclasses.replace(recipes[recipe], trainer=trainer)
    monkeypatch.setitem(recipes, recipe, changed)
    records = []
    for number in range(3):
        phantom = Phantom(3, radius=120.0, seed=number)
        image = phantom.image(rotated_grid((40, 40, 40), 8.0, 0.0))
        path = tmp_path / "ct" / f"{number}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        image.write(path)
        records.append({"image": path.name})
    about = {"title": "Phantoms", "licence": "CC0", "source": "made", "train": records}
    (tmp_path / "ct" / "dataset.json").write_text(json.dumps(about))
    out = tmp_path / "agent"
    arguments = {"recipe": recipe, "seed": 1}
    zoo.train("ma_dueling", tmp_path / "ct", out, steps=200, **arguments)
    history = out / "training" / "history.json"
    assert json.loads(history.read_text(encoding="utf-8"))[-1]["step"] >= 200
    zoo.train("ma_dueling", tmp_path / "ct", out, steps=300, **arguments)
    chunks = json.loads(history.read_text(encoding="utf-8"))
    assert chunks[-1]["step"] >= 300 and chunks[0]["step"] < 200
    assert {"return", "success", "value", "seconds"} <= set(chunks[0])
    registrar = kregzoo.load(out)
    images = [tmp_path / "ct" / f"{number}.nii.gz" for number in (0, 0)]
    result = registrar.register(*images, progress=False)
    stages = recipes[recipe].data.stages
    assert 0 < len(result.path) <= sum(stage.budget for stage in stages)
