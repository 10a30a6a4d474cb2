import dataclasses
import json

import numpy as np
import pytest

import kregzoo
from kregzoo import zoo
from kregzoo.models import SYSTEMS, MaDuelingDQN
from kregzoo.models.reinforcement import ma_dueling
from kregzoo.spatial import Image
from kregzoo.training import q_learning
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


def test_values_are_the_sum_of_what_both_rewards_add():
    model = MaDuelingDQN((32, 32, 32, 1), **SMALL)
    view = np.random.default_rng(0).random((2, 32, 32, 3)).astype("float32")
    outputs = model.predict_on_batch({"view": view})
    total = outputs["step"] + outputs["terminal"]
    np.testing.assert_allclose(outputs["values"], total, atol=1e-5)
    assert np.abs(outputs["terminal"]).max() > 1e-3
    assert set(MaDuelingDQN((32, 32, 32, 1), dueling=False).output) == {"values"}


def test_advantages_are_centred_on_the_state_s_value():
    model = MaDuelingDQN((32, 32, 32, 1), **SMALL)
    agent = model.get_layer("agent")
    agent.get_layer("step_advantage").bias.assign(np.arange(12.0))
    view = np.zeros((1, 32, 32, 3), "float32")
    step = model.predict_on_batch({"view": view})["step"][0]
    # Nothing is seen, so the value is its bias, 0.
    np.testing.assert_allclose(step, np.arange(12.0) - 5.5, atol=1e-5)


def test_a_surface_knows_nothing_of_the_inside():
    solid, hollow = _solid_and_hollow()
    one, other = (
        ma_dueling.surface(np.random.default_rng(0), image).array
        for image in (solid, hollow)
    )
    np.testing.assert_allclose(one, other)
    assert one.min() == 0.0 and one.max() == 1.0


def test_clothes_lie_on_the_body_and_differ():
    solid, _ = _solid_and_hollow()
    bare = ma_dueling.body(solid)
    one, other = (
        ma_dueling.surface(np.random.default_rng(seed), solid).array > 0.5
        for seed in (0, 1)
    )
    sizes = [np.cbrt(mask.sum() * 5.0**3 * 3 / (4 * np.pi)) for mask in (bare, one)]
    # The mean of 0 to 10 mm.
    assert 2.0 < sizes[1] - sizes[0] < 8.0
    assert (one != other).any() and one[bare].mean() > 0.98


def test_a_table_and_a_cable_are_no_body():
    solid, hollow = _solid_and_hollow()
    lying = Image(hollow.array.copy(), hollow.grid)
    lying.array[:, 2] = 0.8
    lying.array[12, :, 20] = 0.8
    found, alone = ma_dueling.body(lying), ma_dueling.body(solid)
    assert (found != alone).mean() < 0.01
    # What is hollow is a body all the same.
    assert found[12, 12, 12]


def test_lungs_that_the_image_cuts_are_filled():
    array = np.zeros((24, 24, 24), "float32")
    array[4:20, 6:18] = 0.5
    array[9:15, 10:14, 8:] = 0.05
    image = Image(array, rotated_grid((24, 24, 24), 5.0, 0.0))
    assert ma_dueling.body(image)[12, 12].all()


def test_data_without_skin_are_refused():
    crop = Image(np.ones((48, 48, 48), "float32"), rotated_grid((48,) * 3, 3.0, 0.0))
    recipe = SYSTEMS["ma_dueling"].recipes["ct_volumes"]
    with pytest.raises(ValueError, match="`data`.*Received"):
        recipe.game([crop])


def _solid_and_hollow():
    image = Phantom(3, radius=40.0).image(rotated_grid((24, 24, 24), 5.0, 0.0))
    solid = Image(np.clip(image.array, 0, 1), image.grid)
    hollow = Image(solid.array.copy(), solid.grid)
    hollow.array[11:13, 11:13, 11:13] = 0.0
    return solid, hollow


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["ct_volumes", "ct_volumes_dqn"])
def test_an_agent_is_trained_killed_resumed_and_loaded(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(q_learning, "CHUNK", 100)
    recipes = SYSTEMS["ma_dueling"].recipes
    learning = dataclasses.replace(recipes[recipe].learning, warm_up=50)
    changed = dataclasses.replace(recipes[recipe], learning=learning)
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
    assert (
        0
        < len(result.path)
        <= SYSTEMS["ma_dueling"].registrar.keywords["stages"][0].budget
    )
