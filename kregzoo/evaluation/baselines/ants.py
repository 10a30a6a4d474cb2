"""ANTs, through antspyx."""

from kregzoo.protocols import WrittenTransform


def run(moving, fixed, folder, type_of_transform):
    """Run `ants.registration`."""
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
    return WrittenTransform(result["fwdtransforms"])
