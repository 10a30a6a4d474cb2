import dataclasses

import keras
import pytest

from kregzoo.training import Images, Recipe, Scale

SCALE = Scale(2.0, ((16, 16),), steps=10, learning_rate=1e-3)


def test_a_scale_changes_any_part_of_its_recipe():
    changes = {"trainer": "other trainer", "initial": None}
    published = dataclasses.replace(SCALE, changes=changes)
    scales = {"cpu": SCALE, "published": published}
    recipe = Recipe("data", "trainer", scales, initial="preset")
    assert recipe.at("cpu") == recipe
    assert recipe.at("published") == dataclasses.replace(recipe, **changes)


def test_unknown_scales_are_refused():
    recipe = Recipe("data", "trainer", {"cpu": SCALE})
    with pytest.raises(ValueError, match="`scale` must be one of.*cpu.*'huge'"):
        recipe.at("huge")


def test_a_recipe_has_few_fields():
    # Parts that only one kind of training needs belong to its data or its trainer.
    assert len(dataclasses.fields(Recipe)) <= 7


def test_learning_rates_decay_unless_told_otherwise():
    schedule = SCALE.schedule()
    assert isinstance(schedule, keras.optimizers.schedules.CosineDecay)
    assert [float(schedule(step)) for step in (0, 10)] == pytest.approx([1e-3, 0.0])
    assert dataclasses.replace(SCALE, decay=False).schedule() == 1e-3


def test_images_are_described_in_one_line():
    assert str(Images("MR", "MR", "brains", "skull-stripped")) == (
        "MR, brains, skull-stripped"
    )
    assert str(Images("MR", "US", "prostates")) == "MR to US, prostates"
