import keras
import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.losses import LNCC
from kregzoo.models import DLIR, AIRNet, ICNet, VoxelMorph
from kregzoo.registrars import OneStepRegistrar, one_step
from kregzoo.registrars.canonical_pair import CanonicalPair
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    Image,
    Preprocessor,
    VelocityTransform,
)
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid, wave
from tests.registrars.untrained import FRAME, network, pair


@pytest.fixture(
    scope="module",
    params=[("half displacement", 2), ("velocity", 2), ("half velocity", 3)],
    ids=lambda param: f"{param[0]} in {param[1]}-D",
)
def registrar(request):
    kind, ndim = request.param
    return OneStepRegistrar(network(kind, ndim), FRAME[ndim])


def test_the_field_of_the_network_is_what_warps(registrar):
    ndim = registrar.preprocessor.ndim
    _, moving, fixed = pair(ndim)
    result = registrar.register(moving, fixed, progress=False)
    assert set(result.metrics["seconds"]) == {
        "read",
        "affine",
        "network",
        "checks",
        "total",
    }
    assert result.warped.grid == fixed.grid

    # The network by itself, on the images on the canonical grid, aligned affinely.
    deformable, *affines = result.transform.transforms
    frame = registrar.preprocessor
    grid = frame.canonical_grid(frame.normalize(fixed))
    there = network_inputs(frame, moving, fixed, CompositeTransform(affines))
    back = {"moving": there["fixed"], "fixed": there["moving"]}
    there, back = (registrar.model.predict_on_batch(x) for x in (there, back))
    if "velocity" in registrar.model.output:
        # Of both directions half the difference, on the network's own grid.
        expected = (there["velocity"] - back["velocity"])[0] / 2
        assert isinstance(deformable, VelocityTransform)
        found = deformable.velocity
    else:
        expected, found = there["displacement"][0], deformable.displacement
    assert np.abs(expected).max() > 0.1
    # Around it the field runs out.
    found = without_margin(found, expected)
    inner = deformable.grid.spacing * found.shape[:-1]
    np.testing.assert_allclose(inner, grid.extent)
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_exchanging_the_images_inverts_a_velocity():
    registrar = OneStepRegistrar(network("half velocity", 2), FRAME[2])
    # Without an alignment, and in one frame, both directions see the same arrays.
    phantom = Phantom(2, radius=30.0)
    grid = rotated_grid((32, 32), 4.0, 0.0)
    images = phantom.image(grid), phantom.image(grid, wave(2))
    for image in images:
        image.array[[2, -3], 2:-2] = image.array[2:-2, [2, -3]] = image.array.max()
    identity = AffineTransform(np.eye(3))
    there, back = (
        registrar.register(*both, initial=identity, progress=False).transform
        for both in (images, images[::-1])
    )
    velocity = there.transforms[0].velocity
    assert np.abs(velocity).max() > 0.5
    np.testing.assert_allclose(back.transforms[0].velocity, -velocity, atol=1e-5)


def affine_network(seed):
    """A network for affines that was never trained, with a head that moves."""
    keras.utils.set_random_seed(seed)
    model = AIRNet((32, 32, 1), planar_blocks=(2,), spatial_blocks=(2,))
    head = model.get_layer("offsets")
    kernel, bias = head.get_weights()
    rng = np.random.default_rng(seed)
    head.set_weights([rng.normal(0, 0.2, kernel.shape), bias])
    return model


def test_exchanging_the_images_inverts_an_affine():
    registrar = OneStepRegistrar(affine_network(0), FRAME[2])
    phantom = Phantom(2, radius=30.0)
    grid = rotated_grid((32, 32), 4.0, 0.0)
    images = [phantom.image(grid), phantom.image(grid, linear_map(2, 8.0, 3.0))]
    for image in images:
        image.array[[2, -3], 2:-2] = image.array[2:-2, [2, -3]] = image.array.max()
    identity = AffineTransform(np.eye(3))
    there, back = (
        registrar.register(*both, initial=identity, progress=False).transform.matrix
        for both in (images, images[::-1])
    )
    assert np.abs(there - np.eye(3)).max() > 0.1
    np.testing.assert_allclose(there @ back, np.eye(3), atol=1e-4)


def test_an_affine_lies_between_both_directions():
    angles = np.deg2rad([10.0, -16.0])
    there, back = (
        np.array([[[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]]])
        for a in angles
    )
    middle = np.deg2rad(13.0)
    found = one_step._half_difference(there, back)[0]
    expected = [[np.cos(middle), -np.sin(middle)], [np.sin(middle), np.cos(middle)]]
    np.testing.assert_allclose(found[:, :2], expected, atol=1e-6)
    shifts = np.tile(np.eye(2, 3), (2, 1, 1, 1))
    shifts[:, 0, :, 2] = [3.0, 1.0], [-1.0, -5.0]
    found = one_step._half_difference(*shifts)[0]
    np.testing.assert_allclose(found[:, 2], [2.0, 3.0], atol=1e-6)


def test_refining_lowers_the_loss(registrar):
    ndim = registrar.preprocessor.ndim
    _, moving, fixed = pair(ndim, truth=wave(ndim))
    before, after = (
        registrar.register(moving, fixed, refine=steps, progress=False)
        for steps in (0, 25)
    )
    loss = LNCC(window=5)
    values = [
        float(loss(fixed.array[None, ..., None], result.warped.array[None, ..., None]))
        for result in (before, after)
    ]
    assert values[1] < values[0] - 0.01
    assert "refine" in after.metrics["seconds"]


def test_results_are_saved_as_simpleitk_reads_them(registrar, tmp_path):
    ndim = registrar.preprocessor.ndim
    _, moving, fixed = pair(ndim)
    result = registrar.register(moving, fixed, progress=False)
    result.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "warped.nii.gz",
        "transform.h5",
        "metrics.json",
        "report.html",
    }
    moving.write(tmp_path / "moving.nii.gz")

    def read(name):
        image = sitk.ReadImage(str(tmp_path / name))
        # A plane is stored as a volume of one slice.
        return image[:, :, 0] if image.GetDimension() > ndim else image

    warped = read("out/warped.nii.gz")
    transform = sitk.ReadTransform(str(tmp_path / "out/transform.h5"))
    theirs = sitk.Resample(read("moving.nii.gz"), warped, transform)
    theirs, ours = (sitk.GetArrayFromImage(image) for image in (theirs, warped))
    # On the rim of the moving image the last bit decides what is inside.
    assert np.mean(np.abs(theirs - ours) > 1e-3) < 0.005
    assert ours.std() > 0.1


def test_points_go_where_the_image_comes_from(registrar):
    ndim = registrar.preprocessor.ndim
    _, moving, fixed = pair(ndim)
    result = registrar.register(moving, fixed, progress=False)
    index = np.stack(np.meshgrid(*map(np.arange, moving.grid.shape), indexing="ij"), -1)
    world = moving.grid.voxel_to_world(index)
    voxels = np.random.default_rng(0).integers(10, 18, (40, ndim))
    points = result.apply_points(fixed.grid.voxel_to_world(voxels))
    for axis in range(ndim):
        ramp = Image(world[..., axis], moving.grid)
        warped = result.apply(ramp).array[tuple(voxels.T)]
        np.testing.assert_allclose(warped, points[:, axis], atol=2e-3)


def test_initial_replaces_the_alignment(simple):
    _, moving, fixed = pair()
    initial = AffineTransform(rotated_grid((1, 1), 1.0, 5.0, (4.0, -2.0)).affine)
    result = simple.register(moving, fixed, initial=initial, progress=False)
    assert result.transform.transforms[1:] == [initial]


def test_masks_hide_a_lesion_from_alignment_and_refinement(simple):
    truth = linear_map(2, degrees=5.0, shift=4.0)
    phantom, moving, fixed = pair(truth=truth)
    spoilt, mask = fixed.array.copy(), np.ones(fixed.grid.shape, "uint8")
    lesion = (slice(8, 13), slice(4, 27))
    spoilt[lesion] = 3.0 * fixed.array.max()
    mask[lesion] = 0
    spoilt = Image(spoilt, fixed.grid)
    errors = []
    for masks in ({}, {"fixed_mask": Image(mask, fixed.grid)}):
        result = simple.register(moving, spoilt, progress=False, **masks)
        affine = CompositeTransform(result.transform.transforms[1:])
        errors.append(mean_error(affine, truth, phantom.landmarks()))
    assert errors[1] < 2.0 < errors[0], errors


def cascade(ndim=2):
    """A network with an affine part and a spline, both at work."""
    keras.utils.set_random_seed(0)
    model = DLIR((None,) * ndim + (1,), spacings=(16,), width=4)
    rng = np.random.default_rng(0)
    for name, values in (
        ("affine_translation", rng.normal(0, 0.2, ndim)),
        ("affine_rotation", [0.15]),
        ("stage_1_control_points", rng.normal(0, 1.0, ndim)),
    ):
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights(
            [rng.normal(0, 0.02, kernel.shape), bias + values]
        )
    return model


def network_inputs(frame, moving, fixed, start):
    """Both images as the network sees them."""
    normal = {"moving": frame.normalize(moving), "fixed": frame.normalize(fixed)}
    grid = frame.canonical_grid(normal["fixed"])
    worlds = {"moving": start, "fixed": None}
    return {
        name: image.resample(grid, worlds[name]).array[None, ..., None]
        for name, image in normal.items()
    }


def test_an_affine_part_goes_on_outside_and_the_whole_is_the_network_s():
    registrar = OneStepRegistrar(cascade(), FRAME[2], alignment="centers")
    _, moving, fixed = pair()
    result = registrar.register(moving, fixed, progress=False)
    deformable, affine = result.transform.transforms
    assert isinstance(affine, AffineTransform) and deformable.grid is not None
    frame = FRAME[2]
    grid = frame.canonical_grid(frame.normalize(fixed))
    start = CanonicalPair(frame, moving, fixed).initial
    images = network_inputs(frame, moving, fixed, start)
    field = registrar.model.predict_on_batch(images)["displacement"][0]
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    expected = start.apply_points(grid.voxel_to_world(index + field).reshape(-1, 2))
    points = grid.voxel_to_world(index).reshape(-1, 2)
    np.testing.assert_allclose(result.apply_points(points), expected, atol=0.01)
    # Far from the grid it is the affine after the start alone.
    far = np.array([[900.0, -700.0]])
    only = affine.apply_points(far)
    np.testing.assert_allclose(result.apply_points(far), only, atol=1e-6)
    refined = registrar.register(moving, fixed, refine=10, progress=False)
    np.testing.assert_allclose(refined.apply_points(far), only, atol=1e-6)
    assert refined.metrics["ncc"] > result.metrics["ncc"]


def without_margin(field, expected):
    """The part of a field that has the shape of another, in the middle."""
    margin = [(a - b) // 2 for a, b in zip(field.shape, expected.shape, strict=True)]
    return field[
        tuple(slice(m, a - m) for m, a in zip(margin, field.shape, strict=True))
    ]


def inverse_consistent():
    """A network that was never trained and predicts both directions."""
    keras.utils.set_random_seed(0)
    model = ICNet((32, 32, 1), width=4)
    network = model.get_layer("network")
    rng = np.random.default_rng(0)
    flow = network.get_layer("flow")
    flow.set_weights([rng.normal(0, 0.3, w.shape) for w in flow.get_weights()])
    return model


def test_a_network_of_both_directions_gives_the_transform_back():
    model = inverse_consistent()
    registrar = OneStepRegistrar(model, FRAME[2], alignment="centers")
    _, moving, fixed = pair()
    result = registrar.register(moving, fixed, progress=False)
    affine, back = result.predicted_inverse.transforms
    np.testing.assert_allclose(
        affine.matrix, np.linalg.inv(result.transform.transforms[1].matrix)
    )
    outputs = model.predict_on_batch(
        network_inputs(FRAME[2], moving, fixed, result.transform.transforms[1])
    )
    expected = outputs["inverse_displacement"][0]
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(
        without_margin(back.displacement, expected), expected, atol=0.01
    )
    refined = registrar.register(moving, fixed, refine=1, progress=False)
    assert refined.predicted_inverse is None


@pytest.mark.parametrize(
    "build",
    [lambda: network("half velocity", 2), lambda: cascade(), inverse_consistent],
    ids=["velocity", "affine and displacement", "both directions"],
)
def test_a_second_pass_starts_where_the_first_ended(build):
    model = build()
    registrar = OneStepRegistrar(model, FRAME[2], alignment="centers")
    _, moving, fixed = pair()
    first = registrar.register(moving, fixed, progress=False)
    after = registrar.register(moving, fixed, initial=first.transform, progress=False)
    both = registrar.register(moving, fixed, passes=2, progress=False)
    points = np.random.default_rng(0).uniform(-20, 20, (50, 2))
    ends = [r.apply_points(points) for r in (first, after, both)]
    assert np.abs(ends[0] - ends[1]).max() > 0.1
    np.testing.assert_allclose(ends[2], ends[1], atol=1e-4)
    if "inverse_displacement" in model.output:
        *earlier, last = both.predicted_inverse.transforms
        expected = first.predicted_inverse.apply_points(points)
        found = CompositeTransform(earlier).apply_points(points)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        warped = network_inputs(FRAME[2], moving, fixed, first.transform)
        expected = model.predict_on_batch(warped)["inverse_displacement"][0]
        np.testing.assert_allclose(
            without_margin(last.displacement, expected), expected, atol=0.01
        )


def test_an_affine_network_runs_once():
    model = AIRNet((32, 32, 1), planar_blocks=(1,), spatial_blocks=(1,))
    registrar = OneStepRegistrar(model, FRAME[2], alignment="centers")
    with pytest.raises(ValueError, match="`passes`.*Received: passes=2"):
        registrar.register(*pair()[1:], passes=2, progress=False)


@pytest.mark.parametrize("alignment", ["affine", "centers", "none"])
def test_what_comes_before_the_network(alignment):
    model = VoxelMorph((None, None, 1), "vm1")
    registrar = OneStepRegistrar(model, FRAME[2], alignment=alignment)
    _, moving, fixed = pair()
    result = registrar.register(moving, fixed, progress=False)
    matrix = result.transform.transforms[-1].matrix
    turned = np.abs(matrix[:2, :2] - np.eye(2)).max()
    assert (turned > 0.05) == (alignment == "affine")
    assert (np.abs(matrix[:2, 2]).max() > 0.1) == (alignment != "none")


def test_unknown_alignments_are_refused():
    with pytest.raises(ValueError, match="`alignment`.*Received: 'rigid'"):
        OneStepRegistrar(cascade(), FRAME[2], alignment="rigid")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="counts its traces")
def test_a_cohort_of_many_sizes_is_traced_once_a_shape():
    frame = Preprocessor(4.0, ((48, 48), (64, 64)))
    registrar = OneStepRegistrar(network("half displacement", 2), frame)
    shapes = set()
    for number, (size, radius) in enumerate(
        [((40, 44), 50.0), ((52, 47), 48.0), ((61, 70), 80.0), ((45, 80), 55.0)]
    ):
        image = Phantom(2, radius=radius).image(rotated_grid(size, 4.0, 5.0 * number))
        registrar.register(image, image, progress=False)
        shapes.add(frame.canonical_grid(frame.normalize(image)).shape)
    assert shapes == {(48, 48), (64, 64)}
    assert registrar._predict.experimental_get_tracing_count() == len(shapes)
