import keras
import numpy as np
import pytest

from kregzoo.losses import LNCC, MI, MSE, NCC, BendingEnergy, Gradient
from kregzoo.metrics import folded_percent
from kregzoo.registrars import (
    Affine,
    BSpline,
    Displacement,
    IterativeRegistrar,
    Rigid,
    SciPy,
    Velocity,
)
from kregzoo.spatial import AffineTransform, Grid, Image, Preprocessor
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid, wave

FRAME = {2: Preprocessor(2.0, ((48, 48),)), 3: Preprocessor(4.0, ((24, 24, 24),))}
FAR = {2: 30.0, 3: 30.0}


def registrar(ndim, *args, levels=((2, 40), (1, 20)), **kwargs):
    return IterativeRegistrar(*args, levels=levels, preprocessor=FRAME[ndim], **kwargs)


def grids(ndim):
    """Two oblique grids, of different spacing, that hold the phantom."""
    fixed = rotated_grid(
        (56, 50, 40)[:ndim] if ndim == 2 else (30, 28, 26),
        1.9 if ndim == 2 else 3.6,
        12.0,
    )
    moving = rotated_grid(
        (52, 60) if ndim == 2 else (32, 30, 29),
        1.8 if ndim == 2 else 3.5,
        -8.0,
        np.full(ndim, 3.0),
    )
    return moving, fixed


def pair(ndim, truth, seed=0):
    """A moving image, the fixed one that sees it through the truth, and landmarks."""
    phantom = Phantom(ndim, radius=30.0, seed=seed)
    moving, fixed = grids(ndim)
    return phantom.image(moving), phantom.image(fixed, truth), phantom.landmarks()


LINEAR = {
    "rigid": (Rigid(), linear_map),
    "affine": (Affine(), lambda ndim: linear_map(ndim, stretch=0.08)),
}


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("ndim", [2, 3])
def test_linear_transforms_are_recovered(name, ndim):
    model, make = LINEAR[name]
    truth = make(ndim)
    moving, fixed, points = pair(ndim, truth)
    result = registrar(ndim, NCC(), model).register(moving, fixed, progress=False)
    before = np.linalg.norm(truth(points) - points, axis=1).mean()
    assert before > 3.0
    assert mean_error(result.transform, truth, points) < 0.25
    assert result.metrics["ncc"] > 0.99
    assert result.warped.grid == fixed.grid
    assert "folded_percent" not in result.metrics


DEFORMABLE = {
    "B-spline": (BSpline(8.0), SciPy(), BendingEnergy(), 0.01),
    "velocity": (Velocity(2), keras.optimizers.Adam(0.1), Gradient(), 0.05),
    "displacement": (Displacement(2), keras.optimizers.Adam(0.1), Gradient(), 0.05),
}


@pytest.mark.parametrize("name", DEFORMABLE)
@pytest.mark.parametrize("ndim", [2, 3])
def test_deformations_are_recovered(name, ndim):
    model, optimizer, regularizer, weight = DEFORMABLE[name]
    truth = wave(ndim, amplitude=3.0 if ndim == 2 else 4.0)
    moving, fixed, points = pair(ndim, truth)
    deform = registrar(
        ndim, NCC(), model, optimizer, regularizers=((regularizer, weight),)
    )
    result = deform.register(moving, fixed, progress=False)
    before = np.linalg.norm(truth(points) - points, axis=1).mean()
    after = mean_error(result.transform, truth, points)
    assert after < 0.3 * before and after < 1.2, (before, after)
    assert result.metrics["ncc"] > 0.98
    deformable = result.transform.transforms[0]
    assert folded_percent(deformable.displacement) == 0.0
    assert "folded_percent" in result.metrics


def test_an_image_that_leaves_is_no_fit():
    truth = linear_map(2)
    moving, fixed, points = pair(2, truth)
    before = np.linalg.norm(truth(points) - points, axis=1).mean()
    # Far enough for every voxel to find nothing, which would cost nothing.
    options = {"seed": 0, "popsize": 6}
    search = SciPy("differential_evolution", bound=60.0, options=options)
    align = registrar(2, MSE(), Rigid(), search, levels=((2, 25),))
    result = align.register(moving, fixed, progress=False)
    assert mean_error(result.transform, truth, points) < 2 * before


OPTIMIZERS = {
    "Adam": (keras.optimizers.Adam(0.3), 60),
    "L-BFGS-B": (SciPy("L-BFGS-B"), 30),
    "Powell": (SciPy("Powell", options={"xtol": 1e-2}), 4),
    "differential_evolution": (
        SciPy("differential_evolution", bound=5.0, options={"seed": 0, "popsize": 6}),
        15,
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_recovers_a_rigid_transform(name):
    optimizer, steps = OPTIMIZERS[name]
    truth = linear_map(2)
    moving, fixed, points = pair(2, truth)
    align = registrar(2, MSE(), Rigid(), optimizer, levels=((2, steps),))
    result = align.register(moving, fixed, progress=False)
    assert mean_error(result.transform, truth, points) < 0.5


def test_other_contrast_needs_another_metric():
    truth = linear_map(2)
    moving, fixed, points = pair(2, truth)
    inside = fixed.array > 0.05 * fixed.array.max()
    inverted = np.where(inside, 1.2 * fixed.array.max() - fixed.array, 0.0)
    fixed = Image(inverted, fixed.grid)
    # From the identity: centers of foregrounds may differ between contrasts.
    identity = AffineTransform(np.eye(3))
    result = registrar(2, MI(bins=16), Rigid()).register(
        moving, fixed, initial=identity, progress=False
    )
    assert mean_error(result.transform, truth, points) < 0.75


@pytest.mark.parametrize("side", ["fixed_mask", "moving_mask"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_search_is_exact_beside_what_a_mask_hides(side, share):
    truth = linear_map(2)
    moving, fixed, points = pair(2, truth)
    image = fixed if side == "fixed_mask" else moving
    lesion, mask = image.array.copy(), np.ones(image.grid.shape, "uint8")
    lesion[18:30, 10:44] = share * image.array.max()
    mask[17:31, 9:45] = 0
    lesion, mask = Image(lesion, image.grid), Image(mask, image.grid)
    images = (moving, lesion) if side == "fixed_mask" else (lesion, fixed)
    result = registrar(2, NCC(), Rigid()).register(
        *images, initial=AffineTransform(np.eye(3)), progress=False, **{side: mask}
    )
    assert mean_error(result.transform, truth, points) < 0.05


@pytest.mark.parametrize("side", ["fixed_mask", "moving_mask"])
def test_what_a_mask_hides_has_no_say(side):
    truth = linear_map(2)
    moving, fixed, points = pair(2, truth)
    # A bright bar in one image alone, in its own voxels.
    image = fixed if side == "fixed_mask" else moving
    spoilt, mask = image.array.copy(), np.ones(image.grid.shape, "uint8")
    spoilt[18:30, 10:44] = 2.0 * image.array.max()
    mask[17:31, 9:45] = 0
    spoilt, mask = Image(spoilt, image.grid), Image(mask, image.grid)
    images = (moving, spoilt) if side == "fixed_mask" else (spoilt, fixed)
    align = registrar(2, NCC(), Rigid())
    identity = AffineTransform(np.eye(3))
    errors = [
        mean_error(
            align.register(
                *images, initial=identity, progress=False, **masks
            ).transform,
            truth,
            points,
        )
        for masks in ({}, {side: mask})
    ]
    assert errors[1] < 0.05 and errors[0] > 1.0, errors


def test_hidden_voxels_do_not_leak_into_coarser_levels():
    phantom, (grid, _) = Phantom(2, radius=30.0), grids(2)
    moving, fixed = (
        phantom.image(grid, truth).array[None, ..., None]
        for truth in (None, linear_map(2))
    )
    mask = np.ones_like(fixed)
    mask[:, 20:30, 10:45] = 0.0
    spoilt = np.where(mask, fixed, 2.0 * fixed.max())
    align = registrar(2, NCC(), Rigid())
    one, other = (
        align.optimize(moving, image, fixed_mask=mask) for image in (fixed, spoilt)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_mask_may_be_an_array_of_labels():
    moving, fixed, _ = pair(2, linear_map(2))
    labels = np.zeros(fixed.grid.shape, "int16")
    labels[10:40, 10:30], labels[10:40, 30:44] = 2, 2035
    align = registrar(2, NCC(), Rigid())
    one, other = (
        align.register(moving, fixed, fixed_mask=mask, progress=False).transform.matrix
        for mask in (labels, Image(labels > 0, fixed.grid))
    )
    np.testing.assert_array_equal(one, other)


def test_a_keras_model_may_be_the_metric():
    inputs = {n: keras.Input((None, None, 1), name=n) for n in ("moving", "fixed")}
    difference = keras.layers.Subtract()(list(inputs.values()))
    metric = keras.Model(inputs, keras.layers.Multiply()([difference, difference]))
    truth = linear_map(2)
    moving, fixed, points = pair(2, truth)
    result = registrar(2, metric, Rigid()).register(moving, fixed, progress=False)
    assert mean_error(result.transform, truth, points) < 0.25


def test_values_are_as_exact_as_their_images(monkeypatch):
    # Sums that are compiled together with what they add may go voxel by voxel, and
    # leave a search with values whose rounding is above their differences.
    places = np.moveaxis(np.indices((40, 48, 40)), 0, -1) - [20, 24, 20]
    ball = np.linalg.norm(places, axis=-1) < 13.4
    fixed = 0.7 * ball[None, ..., None].astype("float32")
    moving = np.roll(fixed, 2, axis=1)
    values = []

    def evaluate(objective, start, *_):
        values.append(float(objective(keras.ops.convert_to_tensor(start))[0]))
        return start

    monkeypatch.setattr("kregzoo.registrars.iterative.minimize", evaluate)
    registrar(3, NCC(), Affine(), levels=((1, 1),)).optimize(moving, fixed)
    correlation = np.corrcoef(np.ravel(moving), np.ravel(fixed).astype("float64"))
    np.testing.assert_allclose(values, [1 - correlation[0, 1]], atol=5e-6)


def test_initial_is_where_the_search_starts():
    # Too far for the search, and centers of foregrounds are no help.
    truth = linear_map(2, degrees=170.0)
    moving, fixed, points = pair(2, truth)
    angle = np.deg2rad(165.0)
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    align = registrar(2, NCC(), Rigid())
    lost = align.register(moving, fixed, progress=False)
    found = align.register(
        moving, fixed, initial=AffineTransform(matrix), progress=False
    )
    assert mean_error(lost.transform, truth, points) > 5.0
    assert mean_error(found.transform, truth, points) < 0.25


def test_without_a_step_the_answer_is_the_initial_transform():
    moving, fixed, points = pair(2, linear_map(2))
    initial = AffineTransform(rotated_grid((1, 1), 1.1, 9.0, (2.0, 1.0)).affine)
    still = registrar(2, NCC(), Affine(), keras.optimizers.Adam(0.1), levels=((2, 0),))
    result = still.register(moving, fixed, initial=initial, progress=False)
    np.testing.assert_allclose(
        result.apply_points(points), initial.apply_points(points), atol=1e-4
    )


def test_start_aligns_foregrounds_that_lie_far_apart():
    phantom = Phantom(2, radius=30.0)
    far = np.array([300.0, -200.0])
    fixed_grid = Grid.centered((56, 56), 2.0)
    moving_grid = Grid.centered((56, 56), 2.0, center=far)
    fixed = phantom.image(fixed_grid)
    moving = phantom.image(moving_grid, lambda p: p - far)
    result = registrar(2, NCC(), Rigid()).register(moving, fixed, progress=False)
    error = mean_error(result.transform, lambda p: p + far, phantom.landmarks())
    assert error < 0.25


def test_one_registrar_serves_pairs_of_other_shapes():
    align = IterativeRegistrar(NCC(), Rigid(), levels=((2, 20),))
    truth = linear_map(2, degrees=3.0)
    for radius in (20.0, 30.0):
        phantom = Phantom(2, radius=radius)
        grid = Grid.centered((60, 60), 2.0)
        result = align.register(
            phantom.image(grid), phantom.image(grid, truth), progress=False
        )
        assert mean_error(result.transform, truth, phantom.landmarks()) < 0.5


def test_a_local_metric_with_masks_stays_finite():
    moving, fixed, _ = pair(2, linear_map(2))
    mask = np.zeros(fixed.grid.shape, "uint8")
    mask[20:36, 20:30] = 1
    align = registrar(2, LNCC(window=5), Affine(), levels=((2, 5),))
    result = align.register(
        moving, fixed, fixed_mask=Image(mask, fixed.grid), progress=False
    )
    assert np.isfinite(result.warped.array).all()


BAD = {
    "moving": ({"moving": np.ones((20, 20))}, "moving"),
    "fixed": ({"fixed": np.full((20, 20), np.nan)}, "fixed"),
    "dimensions": ({"moving": np.random.rand(9, 9, 9)}, "moving"),
    "mask": ({"fixed_mask": np.full((20, 20), np.nan)}, "fixed_mask"),
    "empty mask": ({"moving_mask": np.zeros((20, 20))}, "moving_mask"),
    "mask of other dimensions": ({"moving_mask": np.ones((9, 9, 9))}, "moving_mask"),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_bad_input_names_the_argument(change):
    changes, argument = change
    image = np.outer(np.hanning(20), np.hanning(20))
    arguments = {"moving": image, "fixed": image, **changes}
    with pytest.raises(ValueError, match=f"`{argument}`.*Received"):
        registrar(2, NCC()).register(**arguments, progress=False)
