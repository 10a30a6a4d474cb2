"""Held-out images under deformations estimated by registration."""

import pathlib

from kregzoo.protocols.known_affines import ROLES
from kregzoo.protocols.pair_cases import GroundTruthPair, save_registration
from kregzoo.protocols.protocol import Protocol
from kregzoo.protocols.subjects import stem, subjects_of
from kregzoo.registrars.alignment import affine_aligner, bspline_registrar
from kregzoo.registrars.canonical_pair import default_preprocessor
from kregzoo.spatial import Image
from kregzoo.training import read_dataset
from kregzoo.utils.progress import progress_bar


def register_bspline(moving, fixed):
    """Register iteratively: affine, then B-spline.

    Args:
        moving: `Image`.
        fixed: `Image`.

    Returns:
        The transform from fixed to moving world.
    """
    frame = default_preprocessor(fixed.grid.ndim)
    initial = affine_aligner(frame).register(moving, fixed, progress=False).transform
    registrar = bspline_registrar(frame)
    found = registrar.register(moving, fixed, initial=initial, progress=False)
    return found.transform


def deformed_pairs(data, folder, count=None):
    """Make pairs of held-out images and the same images deformed.

    The deformation is the result of iterative B-spline registration of the two images
    of an `eval` pair. It is as large and as smooth as deformations between subjects.
    This favors B-spline methods.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.read_dataset`.
        folder: folder to write the fixed images to.
        count: int. Number of pairs. Defaults to each `eval` pair in both directions.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: If the data have no `eval` pair.
    """
    records = read_dataset(data).get("eval")
    if not records:
        raise ValueError(f"The data must have `eval` pairs. Received: {str(data)!r}")
    sources = [(r, *roles) for r in records for roles in (ROLES, ROLES[::-1])][:count]
    pairs = []
    with progress_bar(len(sources), label="Finding deformations") as advance:
        for number, (record, *roles) in enumerate(sources):
            moving, other = (record[role] for role in roles)
            image, target = Image.read(moving), Image.read(other)
            truth = register_bspline(image, target)
            path = pathlib.Path(folder) / f"{number:03d}_{stem(other)}.nii.gz"
            truth.apply(image, target.grid, "linear").write(path)
            name = f"{number:03d} {stem(moving)} to {stem(other)}"
            subjects = subjects_of(record, moving, other)
            pairs.append(GroundTruthPair(name, moving, path, truth, **subjects))
            advance()
    return pairs


KNOWN_DEFORMATIONS = Protocol(
    "deformations",
    deformed_pairs,
    "held-out images under deformations that the iterative B-spline registration found "
    "between them (ground truth known)",
    baselines=("identity", "centers"),
    options={"progress": False},
    save=save_registration,
    refines=True,
)
