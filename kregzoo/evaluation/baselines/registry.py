"""Every baseline by its name, and the methods of a protocol."""

import functools

from kregzoo.evaluation.baselines import ants, closest_points, elastix, iterative, sitk
from kregzoo.evaluation.baselines.beside import beside
from kregzoo.evaluation.baselines.method import make_method
from kregzoo.evaluation.baselines.presets import preset_methods

# A baseline with this in its name is one method for each preset.
PRESET = "{preset}"


def methods_of(protocol, presets=(), names=(), refine=0):
    """Make all methods that a protocol measures.

    Args:
        protocol: the `Protocol`.
        presets: names or folders of presets.
        names: names or groups of further baselines, see `baselines`.
        refine: int. Iterations by which presets are refined; 0 for none.

    Returns:
        List of `Method`: baselines, then each preset with its baselines.

    Raises:
        ValueError: If a name is unknown.
    """
    fixed = [name for name in protocol.baselines if PRESET not in name]
    templates = [name for name in protocol.baselines if PRESET in name]
    methods = baselines([*fixed, *names])
    for preset in presets:
        own = preset_methods(preset, refine, protocol)
        methods += [*own, *beside(preset, own[0], templates)]
    return methods


def baselines(names):
    """Make baselines by name or by group.

    Args:
        names: iterable of names (`"ants-syn"`) or groups (`"ants"`).

    Returns:
        List of `Method`, in a fixed order.

    Raises:
        ValueError: If a name is unknown.
    """
    general, special = _general(), _special()
    groups = {method.name.split("-")[0] for method in general}
    names = list(names)
    known = {method.name for method in (*general, *special)}
    if unknown := sorted(set(names) - groups - known):
        raise ValueError(
            f"`baselines` must be among {', '.join(sorted(groups))}, or "
            f"{', '.join(method.name for method in general)}. "
            f"Received: {', '.join(unknown)}"
        )
    return [
        *(m for m in general if m.name in names or m.name.split("-")[0] in names),
        *(m for m in special if m.name in names),
    ]


def _general():
    """Make the baselines for any pair, without importing their packages."""
    by_ants, by_elastix, by_sitk, ours = (
        functools.partial(make_method, package, run)
        for package, run in (
            ("antspyx", ants.run),
            ("itk-elastix", elastix.run),
            ("SimpleITK", sitk.run),
            ("kregzoo", iterative.run),
        )
    )
    return [
        make_method("kregzoo", iterative.run_start, "identity", centers=False),
        make_method("kregzoo", iterative.run_start, "centers", centers=True),
        ours("iterative-affine", kind="affine"),
        ours("iterative-bspline", kind="bspline"),
        by_ants("ants-affine", type_of_transform="Affine"),
        by_ants("ants-syn", type_of_transform="SyN"),
        by_ants("ants-syncc", type_of_transform="SyNCC"),
        by_elastix("elastix-affine", maps=("affine",)),
        by_elastix("elastix-bspline", maps=("affine", "bspline")),
        by_elastix(
            "elastix-nmi",
            maps=("affine", "bspline"),
            metric="NormalizedMutualInformation",
        ),
        by_elastix(
            "elastix-ncc",
            maps=("affine", "bspline"),
            metric="AdvancedNormalizedCorrelation",
        ),
        by_sitk("sitk-affine", demons=None),
        by_sitk("sitk-demons", demons="DemonsRegistrationFilter"),
        by_sitk("sitk-diffeomorphic", demons="DiffeomorphicDemonsRegistrationFilter"),
    ]


def _special():
    """Make the baselines of single protocols, which are in no group."""
    return [
        make_method(
            "SimpleITK",
            sitk.run,
            "sitk-affine from centers of mass",
            demons=None,
            start="MOMENTS",
        ),
        make_method("SimpleITK", sitk.run_rigid, "sitk-rigid"),
        make_method("kregzoo", iterative.run_rigid, "iterative-rigid-mind"),
        make_method("scipy", closest_points.run, "closest-points"),
    ]
