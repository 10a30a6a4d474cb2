"""SimpleITK: linear registration by mutual information, and demons."""

import numpy as np

from kregzoo.evaluation.baselines.method import Method
from kregzoo.protocols import WrittenTransform

PYRAMID = (4, 2, 1)


def run(moving, fixed, folder, demons, start="GEOMETRY"):
    """Register affinely by mutual information, then by demons.

    Args:
        moving: path.
        fixed: path.
        folder: folder to write to.
        demons: str. Name of the demons filter; None for an affine registration.
        start: str. How ITK aligns the centers, see `centered`; or a `Method` that
            finds an initial affine.

    Returns:
        A `WrittenTransform`.
    """
    import SimpleITK as sitk

    paths = moving, fixed
    moving, fixed = (sitk.ReadImage(str(p), sitk.sitkFloat32) for p in paths)
    if isinstance(start, Method):
        (found,) = start.run(*paths, folder).read().transforms
        transform = _about_center(found.to_itk(), fixed)
    else:
        transform = centered(fixed, moving, start)
    optimize_mutual_information(fixed, moving, transform)
    paths = [folder / "affine.tfm"]
    sitk.WriteTransform(transform, str(paths[0]))
    if demons:
        aligned = sitk.Resample(moving, fixed, transform)
        field = _multi_resolution(getattr(sitk, demons)(), fixed, aligned)
        paths.insert(0, folder / "field.mha")
        sitk.WriteImage(field, str(paths[0]))
        deformation = sitk.DisplacementFieldTransform(field)
        # ITK applies the last transform first.
        transform = sitk.CompositeTransform([transform, deformation])
    warped = sitk.Resample(moving, fixed, transform)
    sitk.WriteImage(warped, str(folder / "warped.nii.gz"))
    return WrittenTransform(paths)


def run_rigid(moving, fixed, folder):
    """Register rigidly by mutual information, starting from the world coordinates."""
    import SimpleITK as sitk

    moving, fixed = (sitk.ReadImage(str(p), sitk.sitkFloat32) for p in (moving, fixed))
    transform = sitk.Euler3DTransform()
    transform.SetCenter(_middle(fixed))
    optimize_mutual_information(fixed, moving, transform)
    sitk.WriteTransform(transform, str(folder / "rigid.tfm"))
    warped = sitk.Resample(moving, fixed, transform)
    sitk.WriteImage(warped, str(folder / "warped.nii.gz"))
    return WrittenTransform([folder / "rigid.tfm"])


def centered(fixed, moving, kind):
    """Make the affine transform that aligns the centers of two SimpleITK images.

    Args:
        fixed: SimpleITK image.
        moving: SimpleITK image.
        kind: str, `"MOMENTS"` for the centers of mass, `"GEOMETRY"` for the centers
            of the grids.

    Returns:
        A SimpleITK `AffineTransform`.
    """
    import SimpleITK as sitk

    centers = sitk.CenteredTransformInitializerFilter
    affine = sitk.AffineTransform(fixed.GetDimension())
    return sitk.CenteredTransformInitializer(
        fixed, moving, affine, getattr(centers, kind)
    )


def _about_center(affine, fixed):
    """Express an affine transform about the center of the fixed image."""
    import SimpleITK as sitk

    center = _middle(fixed)
    shift = np.subtract(affine.TransformPoint(center), center)
    return sitk.AffineTransform(affine.GetMatrix(), shift.tolist(), center)


def _middle(image):
    """Return the center of a SimpleITK image's grid."""
    index = [(size - 1) / 2 for size in image.GetSize()]
    return image.TransformContinuousIndexToPhysicalPoint(index)


def optimize_mutual_information(fixed, moving, transform):
    """Optimize a linear SimpleITK transform in place, from coarse to fine.

    Args:
        fixed: SimpleITK image of floats.
        moving: likewise.
        transform: the transform to change.
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
    """Run a demons filter from coarse to fine; return the field on the fixed grid."""
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
