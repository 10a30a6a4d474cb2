"""What can be made so that the transform to find is known, and who is to find it."""

import dataclasses
from collections.abc import Callable

from kregzoo.evaluation import rigid_pairs
from kregzoo.evaluation.baselines import rigid
from kregzoo.evaluation.baselines.registry import affine_methods
from kregzoo.evaluation.synthetic_pairs import affine_pairs, deformed_pairs


@dataclasses.dataclass(frozen=True)
class Truth:
    """A way to make pairs.

    Args:
        make: callable of a data folder, a folder to write to and a number of pairs or
            None, that gives a list of `GroundTruthPair`.
        title: str. What is made.
        suits: callable of a preset's metadata that says whether it is to find them.
        methods: callable of names of presets that gives the `Method` to measure; None
            for those of the data's own pairs.
        success: float. TRE in mm below which an alignment is a success; None for none.
    """

    make: Callable
    title: str
    suits: Callable
    methods: Callable | None = None
    success: float | None = None


def _of_system(name):
    return lambda metadata: metadata["system"] == name


TRUTHS = {
    "affines": Truth(
        affine_pairs,
        "held-out persons under random affines, which are to find",
        lambda metadata: metadata["predicts"] == "affine",
        affine_methods,
        2.0,
    ),
    "deformations": Truth(
        deformed_pairs,
        "held-out images under deformations that the iterative B-spline registration "
        "found between them, which are to find",
        lambda metadata: True,
    ),
    "poses": Truth(
        rigid_pairs.pose_pairs,
        "displaced by up to 20 degrees about and 20 mm along each axis from where the "
        "labels align the images, which is to find",
        lambda metadata: metadata["predicts"].startswith("rigid"),
        rigid.pose_methods,
        5.0,
    ),
    "cone_beam": Truth(
        rigid_pairs.cone_beam_pairs,
        "and simulated cone-beam CT of the same, up to 20 degrees and 20 mm apart",
        _of_system("liao_agent"),
        rigid.cone_beam_methods,
        5.0,
    ),
    "cone_beam_far": Truth(
        rigid_pairs.far_cone_beam_pairs,
        "and simulated cone-beam CT of the same, up to 30 degrees and 30 mm apart",
        _of_system("liao_agent"),
        rigid.cone_beam_methods,
        5.0,
    ),
    "surfaces": Truth(
        rigid_pairs.surface_pairs,
        "and the surface of the same body, up to 20 degrees and 20 mm apart",
        _of_system("ma_dueling"),
        rigid.surface_methods,
        5.0,
    ),
}
