"""elastix, through itk-elastix."""

from kregzoo.protocols import WrittenTransform


def run(moving, fixed, folder, maps, metric=None):
    """Run elastix with its default parameter maps, or with another metric."""
    import itk

    moving, fixed = (itk.imread(str(path), itk.F) for path in (moving, fixed))
    parameters = itk.ParameterObject.New()
    for number, name in enumerate(maps):
        parameter_map = parameters.GetDefaultParameterMap(name)
        # The first map aligns the images' centers, as the other tools do.
        parameter_map["AutomaticTransformInitialization"] = [str(number == 0).lower()]
        if metric:
            # A B-spline has its bending energy as the second metric.
            _, *others = parameter_map["Metric"]
            parameter_map["Metric"] = [metric, *others]
        parameters.AddParameterMap(parameter_map)
    warped, found = itk.elastix_registration_method(
        fixed, moving, parameter_object=parameters
    )
    itk.imwrite(warped, str(folder / "warped.nii.gz"))
    # Write one field for the whole chain, because only elastix reads its transforms.
    transformix = itk.TransformixFilter.New(
        moving_image=moving,
        transform_parameter_object=found,
        compute_deformation_field=True,
        # elastix also writes the field, by default to the working directory.
        output_directory=str(folder),
    )
    transformix.Update()
    itk.imwrite(transformix.GetOutputDeformationField(), str(folder / "field.mha"))
    return WrittenTransform([folder / "field.mha"])
