"""Ways to register a pair, each as its users run it: ours, and the tools they have.

A `Method` reads two files, registers them, and writes the warped image and the
transform into a folder; that is what is timed. What it found is then read back as a
transform of ours, so that the same code judges all.
"""

import dataclasses
import functools
import importlib.metadata
import pathlib
from collections.abc import Callable

import numpy as np

from kregzoo import zoo
from kregzoo.presets.preset import Preset, find_preset, installed_presets
from kregzoo.registrars.alignment import affine_aligner, bspline_registrar
from kregzoo.registrars.canonical_pair import default_preprocessor
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    Image,
    read_transform,
)

# What every table starts from.
STARTS = ("identity", "centres")
PYRAMID = (4, 2, 1)
INVERSE = "inverse.h5"


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to register.

    Args:
        name: str, such as `"ants-syn"`.
        run: callable of the moving path, the fixed path and a folder to write to; gives
            the paths of the transforms, in the order in which points of the fixed image
            go through them. A method that also predicts the transform back may write it
            to the folder as `INVERSE`.
        description: dict of strings: what runs, in which version, with what parameters.
    """

    name: str
    run: Callable
    description: dict

    def transform(self, paths):
        """Read what `run` wrote as one transform."""
        return CompositeTransform([read_transform(path) for path in paths])

    def inverse(self, folder):
        """Read the transform back from the folder of a run; None if there is none."""
        path = pathlib.Path(folder) / INVERSE
        return read_transform(path) if path.is_file() else None


def presets_of(data, suits=lambda metadata: True):
    """List the installed presets that were trained on a data folder, by its name.

    Args:
        data: the folder.
        suits: callable of a preset's metadata that says whether it is one to list.
    """
    name = pathlib.Path(data).resolve().name
    return [
        preset.name
        for preset in map(Preset.read, installed_presets().values())
        if preset.metadata["data"]["name"] == name and suits(preset.metadata)
    ]


def preset_methods(name, refine, **options):
    """The methods of a preset: one pass, and with refinement.

    Args:
        name: the preset's name or folder.
        refine: int. Iterations of the second.
        **options: of the registrar's `register`.

    Returns:
        Two `Method`, or one if `refine` is 0.
    """
    preset, registrar = find_preset(name), zoo.load(name)
    weights = preset.metadata["sha256"]["model.weights.h5"]
    description = {"package": _version("kregzoo"), "weights": weights}
    return [
        Method(
            preset.name + (f" refine={steps}" if steps else ""),
            functools.partial(_run_ours, registrar, refine=steps, **options),
            {**description, "parameters": f"refine={steps}"},
        )
        for steps in ([0, refine] if refine else [0])
    ]


def affine_methods(presets):
    """What is measured where an affine is to be found.

    Args:
        presets: list of names or folders of presets.

    Returns:
        List of `Method`: our alignment and mutual information from the centres of mass,
        every preset, and mutual information from what each one found.
    """
    sitk = functools.partial(make_method, "SimpleITK", _run_sitk, demons=None)
    methods = baselines(["iterative-affine"])
    methods.append(sitk("sitk-affine from centres of mass", start="MOMENTS"))
    for name in presets:
        (ours,) = preset_methods(name, 0)
        refined = f"sitk-affine from {ours.name}"
        started = functools.partial(_run_sitk, demons=None, start=ours)
        description = {
            "package": f"{_version('SimpleITK')}, {_version('kregzoo')}",
            "parameters": f"demons=None start={ours.name}",
        }
        methods += [ours, Method(refined, started, description)]
    return methods


def baselines(names):
    """Methods by name or by group.

    Args:
        names: iterable of names, such as `"ants-syn"`, or of groups, such as `"ants"`.

    Returns:
        List of `Method`, in the order of the table of all.

    Raises:
        ValueError: for an unknown name.
    """
    known = _baselines()
    groups = {method.name.split("-")[0] for method in known}
    names = list(names)
    unknown = sorted(set(names) - groups - {method.name for method in known})
    if unknown:
        raise ValueError(
            f"`baselines` must be among {', '.join(sorted(groups))}, or "
            f"{', '.join(method.name for method in known)}. "
            f"Received: {', '.join(unknown)}"
        )
    return [m for m in known if m.name in names or m.name.split("-")[0] in names]


def _baselines():
    """Every baseline, cheap to make: packages are imported when one runs."""
    ants, elastix, sitk, ours = (
        functools.partial(make_method, package, run)
        for package, run in (
            ("antspyx", _run_ants),
            ("itk-elastix", _run_elastix),
            ("SimpleITK", _run_sitk),
            ("kregzoo", _run_iterative),
        )
    )
    return [
        make_method("kregzoo", _run_start, "identity", centres=False),
        make_method("kregzoo", _run_start, "centres", centres=True),
        ours("iterative-affine", kind="affine"),
        ours("iterative-bspline", kind="bspline"),
        ants("ants-affine", type_of_transform="Affine"),
        ants("ants-syn", type_of_transform="SyN"),
        ants("ants-syncc", type_of_transform="SyNCC"),
        elastix("elastix-affine", maps=("affine",)),
        elastix("elastix-bspline", maps=("affine", "bspline")),
        elastix(
            "elastix-nmi",
            maps=("affine", "bspline"),
            metric="NormalizedMutualInformation",
        ),
        elastix(
            "elastix-ncc",
            maps=("affine", "bspline"),
            metric="AdvancedNormalizedCorrelation",
        ),
        sitk("sitk-affine", demons=None),
        sitk("sitk-demons", demons="DemonsRegistrationFilter"),
        sitk("sitk-diffeomorphic", demons="DiffeomorphicDemonsRegistrationFilter"),
    ]


def make_method(package, run, name, **parameters):
    """Make a method whose parameters are both what it runs with and what is recorded.

    Args:
        package: str, what it is a part of.
        run: callable of moving, fixed and folder, see `Method`, and of the parameters.
        name: str.
        **parameters: of `run`.

    Returns:
        A `Method`.
    """
    description = {
        "package": _version(package),
        "parameters": " ".join(f"{key}={value}" for key, value in parameters.items()),
    }
    return Method(name, functools.partial(run, **parameters), description)


def _version(package):
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} (not installed)"


def _run_ours(registrar, moving, fixed, folder, **options):
    result = registrar.register(moving, fixed, progress=False, **options)
    if result.predicted_inverse is not None:
        result.predicted_inverse.save(folder / INVERSE)
    return written(result.warped, result.transform, folder)


def _run_start(moving, fixed, folder, centres):
    moving, fixed = Image.read(moving), Image.read(fixed)
    matrix = np.eye(fixed.grid.ndim + 1)
    if centres:
        matrix[:-1, -1] = moving.grid.centre - fixed.grid.centre
    transform = AffineTransform(matrix)
    return written(transform.apply(moving, fixed.grid), transform, folder)


def _run_iterative(moving, fixed, folder, kind):
    moving, fixed = Image.read(moving), Image.read(fixed)
    transform = ITERATIVE[kind](moving, fixed)
    return written(transform.apply(moving, fixed.grid), transform, folder)


def _iterative_affine(moving, fixed):
    frame = default_preprocessor(fixed.grid.ndim)
    return affine_aligner(frame).register(moving, fixed, progress=False).transform


def iterative_bspline(moving, fixed):
    """Register two `Image` by our iterative engine: affinely, then by B-splines."""
    registrar = bspline_registrar(default_preprocessor(fixed.grid.ndim))
    initial = _iterative_affine(moving, fixed)
    found = registrar.register(moving, fixed, initial=initial, progress=False)
    return found.transform


ITERATIVE = {"affine": _iterative_affine, "bspline": iterative_bspline}


def written(warped, transform, folder):
    """Write what a run of ours found; gives the paths of `Method.run`."""
    warped.write(folder / "warped.nii.gz")
    transform.save(folder / "transform.h5")
    return [folder / "transform.h5"]


def _run_ants(moving, fixed, folder, type_of_transform):
    import ants

    moving, fixed = (ants.image_read(str(path)) for path in (moving, fixed))
    result = ants.registration(
        fixed,
        moving,
        type_of_transform,
        outprefix=str(folder / "ants_"),
        random_seed=1,
    )
    ants.image_write(result["warpedmovout"], str(folder / "warped.nii.gz"))
    return result["fwdtransforms"]


def _run_elastix(moving, fixed, folder, maps, metric=None):
    import itk

    moving, fixed = (itk.imread(str(path), itk.F) for path in (moving, fixed))
    parameters = itk.ParameterObject.New()
    for number, name in enumerate(maps):
        parameter_map = parameters.GetDefaultParameterMap(name)
        # The first aligns the images' centres before it starts, as the others do.
        parameter_map["AutomaticTransformInitialization"] = [str(number == 0).lower()]
        if metric:
            # A B-spline has its bending energy as a second one.
            _, *others = parameter_map["Metric"]
            parameter_map["Metric"] = [metric, *others]
        parameters.AddParameterMap(parameter_map)
    warped, found = itk.elastix_registration_method(
        fixed, moving, parameter_object=parameters
    )
    itk.imwrite(warped, str(folder / "warped.nii.gz"))
    # One field for the whole chain: no other reader knows elastix's transforms.
    transformix = itk.TransformixFilter.New(
        moving_image=moving,
        transform_parameter_object=found,
        compute_deformation_field=True,
        # It also writes the field by itself, by default to where the user works.
        output_directory=str(folder),
    )
    transformix.Update()
    itk.imwrite(transformix.GetOutputDeformationField(), str(folder / "field.mha"))
    return [folder / "field.mha"]


def _run_sitk(moving, fixed, folder, demons, start="GEOMETRY"):
    """`start` is how ITK is to align centres, or a method that finds an affine."""
    import SimpleITK as sitk

    paths = moving, fixed
    moving, fixed = (sitk.ReadImage(str(p), sitk.sitkFloat32) for p in paths)
    if isinstance(start, Method):
        (found,) = start.transform(start.run(*paths, folder)).transforms
        transform = _about_centre(found.to_itk(), fixed)
    else:
        transform = centred(fixed, moving, start)
    optimise_mutual_information(fixed, moving, transform)
    paths = [folder / "affine.tfm"]
    sitk.WriteTransform(transform, str(paths[0]))
    if demons:
        aligned = sitk.Resample(moving, fixed, transform)
        field = _multi_resolution(getattr(sitk, demons)(), fixed, aligned)
        paths.insert(0, folder / "field.mha")
        sitk.WriteImage(field, str(paths[0]))
        deformation = sitk.DisplacementFieldTransform(field)
        # ITK applies the last one first.
        transform = sitk.CompositeTransform([transform, deformation])
    warped = sitk.Resample(moving, fixed, transform)
    sitk.WriteImage(warped, str(folder / "warped.nii.gz"))
    return paths


def centred(fixed, moving, kind):
    """An affine transform of SimpleITK that aligns centres of two of its images.

    Args:
        fixed: SimpleITK image.
        moving: SimpleITK image.
        kind: str, `"MOMENTS"` for the centres of mass, `"GEOMETRY"` for the middles.
    """
    import SimpleITK as sitk

    centres = sitk.CenteredTransformInitializerFilter
    affine = sitk.AffineTransform(fixed.GetDimension())
    return sitk.CenteredTransformInitializer(
        fixed, moving, affine, getattr(centres, kind)
    )


def _about_centre(affine, fixed):
    """The same affine, its matrix about the middle of the fixed image."""
    import SimpleITK as sitk

    middle = [(size - 1) / 2 for size in fixed.GetSize()]
    centre = fixed.TransformContinuousIndexToPhysicalPoint(middle)
    shift = np.subtract(affine.TransformPoint(centre), centre)
    return sitk.AffineTransform(affine.GetMatrix(), shift.tolist(), centre)


def optimise_mutual_information(fixed, moving, transform):
    """Change a linear transform of SimpleITK for the better, from coarse to fine.

    Args:
        fixed: SimpleITK image of real numbers.
        moving: likewise.
        transform: the transform, which is changed.
    """
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(PYRAMID)
    method.SetSmoothingSigmasPerLevel([factor / 2 for factor in PYRAMID])
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)


def _multi_resolution(demons, fixed, moving):
    """A demons filter run from coarse to fine; the field in mm on the fixed grid."""
    import SimpleITK as sitk

    demons.SetNumberOfIterations(50)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations(1.5)
    moving = sitk.HistogramMatching(moving, fixed, 256, 15, True)
    field = None
    for factor in PYRAMID:
        images = [_shrunk(image, factor) for image in (fixed, moving)]
        if field is not None:
            field = demons.Execute(*images, sitk.Resample(field, images[0]))
        else:
            field = demons.Execute(*images)
    return sitk.Cast(sitk.Resample(field, fixed), sitk.sitkVectorFloat64)


def _shrunk(image, factor):
    import SimpleITK as sitk

    if factor == 1:
        return image
    spacing = image.GetSpacing()
    smooth = sitk.SmoothingRecursiveGaussian(image, [factor * s / 2 for s in spacing])
    return sitk.Shrink(smooth, [factor] * image.GetDimension())
