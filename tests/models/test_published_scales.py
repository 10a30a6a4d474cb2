"""The scale `"published"` of every recipe is what the paper says."""

import numpy as np
import pytest

from kregzoo.losses import (
    LNCC,
    MSE,
    NCC,
    AffineDistance,
    BendingEnergy,
    Dice,
    EndPointError,
    Gradient,
    InverseConsistency,
    KLDivergence,
    NormalDivergence,
    TREError,
    WeightedSum,
)
from kregzoo.models import SYSTEMS

# Trainable parameters, the losses with their weights, the initial learning rate and the
# batch size.
PUBLISHED = {
    "voxelmorph/brain_t1": (
        300_547,
        {"warped": (LNCC, 1.0), "displacement": (Gradient, 1.0)},
        1e-4,
        1,
    ),
    "vxmdiff/brain_t1": (
        266_374,
        {"warped": (MSE, 2500.0), "velocity_statistics": (KLDivergence, 1.0)},
        1e-4,
        1,
    ),
    "asn/brain_t1": (314_652, {"displacement": (Gradient, 1000.0)}, 1e-4, 1),
    "asn/brain_t1_ssd": (
        259_675,
        {"warped": (MSE, 1.0), "displacement": (Gradient, 1.0)},
        1e-4,
        1,
    ),
    "asn/brain_t1_ncc": (
        259_675,
        {"warped": (NCC, 1.0), "displacement": (Gradient, 1.0)},
        1e-4,
        1,
    ),
    "dirnet/cardiac_cine": (40_418, {"warped": (NCC, 1.0)}, 1e-3, 32),
    "dlir/cardiac_cine": (
        175_180,
        {"warped": (NCC, 1.0), "displacement": (BendingEnergy, 0.05)},
        1e-3,
        32,
    ),
    "icnet/brain_t1": (
        1_111_840,
        {
            "warped": (MSE, 1.0),
            "warped_fixed": (MSE, 1.0),
            "displacements": (InverseConsistency, 0.05 / 1.5),
            "displacement": (WeightedSum, 1.0),
            "inverse_displacement": (WeightedSum, 1.0),
        },
        5e-4,
        1,
    ),
    "krebs/cardiac_cine": (
        147_174,
        {"halfway": (LNCC, 1.0), "latent_statistics": (NormalDivergence, 2e-4)},
        1e-4,
        1,
    ),
    "airnet/brain_t1": (
        2_334_225,
        {"affine": (AffineDistance, 1 / (80**2 * 12))},
        1e-4,
        8,
    ),
    "sam_flownet/brain_2d": (
        29_225_762,
        {
            f"flow_{level}": (EndPointError, weight)
            for level, weight in zip(
                range(2, 7), (0.005, 0.01, 0.02, 0.08, 0.32), strict=True
            )
        },
        1e-4,
        8,
    ),
    "air_gan/prostate_mr_us": (2_401_887, {"affine": (AffineDistance, 1.0)}, 1e-4, 8),
    "label_reg/prostate_mr_us": (
        18_909_743,
        {"displacement": (BendingEnergy, 0.5), "warped_labels": (Dice, 1.0)},
        1e-5,
        4,
    ),
    "haskins_tre/prostate_mr_us": (941_153, {"tre": (TREError, 1.0)}, 1e-4, 8),
    "liao_agent/ct_volumes": (
        68_884_216,
        {"coarse": (MSE, 1.0), "fine": (MSE, 1.0)},
        6e-5,
        32,
    ),
}


def published(name):
    """The system, the recipe and the scale of `"system/recipe"`."""
    system, _, tag = name.partition("/")
    recipe = SYSTEMS[system].recipes[tag].at("published")
    return SYSTEMS[system], recipe, recipe.scales["published"]


def build(system, recipe, scale):
    last = getattr(recipe.trainer, "stages", ({},))[-1]
    return system.builder((*scale.shapes[0], 1), **{**scale.model, **last})


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_every_system_of_the_survey_is_checked():
    checked = {name.partition("/")[0] for name in PUBLISHED}
    surveyed = {n for n, found in SYSTEMS.items() if found.chapter[0].isdigit()}
    assert surveyed == checked | {"ma_dueling"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_network_losses_and_schedule_are_the_paper_s(name):
    count, losses, rate, batch_size = PUBLISHED[name]
    system, recipe, scale = published(name)
    assert trainable(build(system, recipe, scale)) == count
    trainer = getattr(recipe.trainer, "trainer", recipe.trainer)
    weights = trainer.weights_of(trainer.losses)
    found = {k: (type(loss), weights[k]) for k, loss in trainer.losses.items()}
    assert found == {
        k: (kind, pytest.approx(weight)) for k, (kind, weight) in losses.items()
    }
    assert (scale.learning_rate, scale.batch_size) == (rate, batch_size)
    assert scale.schedule() == rate


def test_only_what_the_papers_augment_is_augmented():
    for name in PUBLISHED:
        _, recipe, _ = published(name)
        augmented = getattr(recipe.data, "augmentation", None) is not None
        assert augmented == name.startswith(("sam_flownet", "label_reg"))


def test_the_generator_of_air_gan_has_the_sheet_s_parameters():
    system, recipe, scale = published("air_gan/prostate_mr_us")
    layers = build(system, recipe, scale).layers
    # The count of the sheet leaves out normalization.
    counted = [
        layer
        for layer in layers
        if layer.name != "discriminator" and "norm" not in layer.name
    ]
    assert sum(map(trainable, counted)) == 1_994_254


def test_the_dueling_network_has_the_sheet_s_parameters():
    system, recipe, scale = published("ma_dueling/ct_volumes")
    layers = build(system, recipe, scale).get_layer("agent").layers
    # The sheet's network has one kind of reward; ours has streams for two.
    counted = [layer for layer in layers if not layer.name.startswith("terminal")]
    assert round(sum(map(trainable, counted)) / 1e6, 1) == 16.9
    assert (recipe.trainer.capacity, recipe.trainer.copy_every) == (50_000, 1000)
    assert (recipe.trainer.discount, scale.learning_rate) == (0.9, 1e-4)
    (stage,) = recipe.data.stages
    assert (stage.motions.shift, stage.motions.angle) == (5.0, 2.0)
    assert stage.reach == (100.0 / 5.0, 30.0 / 2.0)


def test_liao_s_optimizer_and_moves_are_the_paper_s():
    _, recipe, scale = published("liao_agent/ct_volumes")
    optimizer = recipe.trainer.optimizer(scale.schedule())
    assert type(optimizer).__name__ == "RMSprop"
    rates = [float(optimizer._learning_rate(step)) for step in (0, 9_999, 10_000)]
    assert rates == pytest.approx([6e-5, 6e-5, 0.7 * 6e-5])
    assert {(s.motions.shift, s.motions.angle) for s in recipe.data.stages} == {(1, 1)}
    assert sum(stage.budget for stage in recipe.data.stages) == 200
    assert recipe.data.stages[0].reach == (30.0, 30.0)
