"""CT volumes and simulated images of another modality.

The displacement is stored in the header of the moving file, as in
`kregzoo.protocols.rigid_starts`.
"""

import functools
import itertools
import pathlib

import numpy as np

from kregzoo.protocols.pair_cases import save_registration
from kregzoo.protocols.protocol import Protocol
from kregzoo.protocols.rigid_starts import FROM_WORLDS, NEAR, POSES, displaced
from kregzoo.protocols.subjects import stem, subjects_of
from kregzoo.registrars.canonical_pair import default_preprocessor
from kregzoo.simulation.body_surfaces import surface
from kregzoo.simulation.cone_beam import cone_beam
from kregzoo.spatial import Image
from kregzoo.spatial.preprocessing import foreground_box
from kregzoo.training import Pose, read_dataset

# Uniform between plus and minus these degrees and mm.
FAR = Pose(rotation=30.0, shift=30.0, uniform=True)


def cone_beam_pairs(data, folder, count=None, seed=0, ranges=NEAR):
    """Displace CT volumes of `eval_images` from cone-beam CT simulated from them.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.read_dataset`.
        folder: folder to write both images to.
        count: int. Number of pairs. Defaults to 36.
        seed: int. Seed of the displacements and of the simulation.
        ranges: the `Pose` to draw from.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: If the data have no `eval_images`.
    """
    return _of_volumes(data, folder, count, seed, ranges, cone_beam_image)


def cone_beam_image(rng, image):
    """Simulate a cone-beam CT from a normalized CT, as an `Image`."""
    return Image(cone_beam(rng, image.array), image.grid)


def surface_pairs(data, folder, count=None, seed=0):
    """Displace CT volumes of `eval_images` from the surfaces of the same bodies.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.read_dataset`.
        folder: folder to write both images to.
        count: int. Number of pairs. Defaults to 36.
        seed: int. Seed of the displacements.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: If the data have no `eval_images`.
    """
    return _of_volumes(data, folder, count, seed, NEAR, surface)


def _of_volumes(data, folder, count, seed, ranges, make_fixed):
    records = read_dataset(data).get("eval_images")
    if not records:
        raise ValueError(f"The data must have `eval_images`. Received: {str(data)!r}")
    rng = np.random.default_rng(seed)
    pairs = []
    sources = itertools.islice(itertools.cycle(records), count or POSES)
    for number, record in enumerate(sources):
        volume = Image.read(record["image"])
        image = default_preprocessor(volume.grid.ndim).normalize(volume)
        name = f"{number:03d} {stem(record['image'])}"
        path = pathlib.Path(folder) / f"{number:03d}_fixed.nii.gz"
        make_fixed(rng, image).write(path)
        drawn = ranges.draw(rng, np.mean(foreground_box(image), axis=0))
        subjects = subjects_of(record, record["image"])
        pairs.append(displaced(name, volume, path, drawn, folder, **subjects))
    return pairs


_SHARED = {"options": FROM_WORLDS, "save": save_registration, "success": 5.0}
CONE_BEAM = Protocol(
    "cone_beam",
    cone_beam_pairs,
    "and cone-beam CT simulated from the same volumes, up to 20 degrees and 20 mm "
    "apart (ground truth known)",
    baselines=("identity", "centers", "sitk-rigid"),
    **_SHARED,
)
FAR_CONE_BEAM = Protocol(
    "cone_beam_far",
    functools.partial(cone_beam_pairs, ranges=FAR),
    "and cone-beam CT simulated from the same volumes, up to 30 degrees and 30 mm "
    "apart (ground truth known)",
    baselines=("identity", "centers", "sitk-rigid"),
    **_SHARED,
)
BODY_SURFACES = Protocol(
    "surfaces",
    surface_pairs,
    "and the surface of the same body, up to 20 degrees and 20 mm apart (ground truth "
    "known)",
    baselines=("identity", "centers", "closest-points"),
    **_SHARED,
)
