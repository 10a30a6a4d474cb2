"""Every baseline by its name."""

import functools

from kregzoo.evaluation.baselines import ants, elastix, iterative, sitk
from kregzoo.evaluation.baselines.method import Method, make_method, version
from kregzoo.evaluation.baselines.presets import preset_methods

# The methods that every table starts with.
STARTS = ("identity", "centres")


def affine_methods(presets):
    """Make the methods that are measured on known affines.

    Args:
        presets: list of names or folders of presets.

    Returns:
        List of `Method`: our alignment and mutual information from the centres of mass,
        every preset, and mutual information from what each one found.
    """
    affine = functools.partial(make_method, "SimpleITK", sitk.run, demons=None)
    methods = baselines(["iterative-affine"])
    methods.append(affine("sitk-affine from centres of mass", start="MOMENTS"))
    for name in presets:
        (ours,) = preset_methods(name, 0)
        refined = f"sitk-affine from {ours.name}"
        started = functools.partial(sitk.run, demons=None, start=ours)
        description = {
            "package": f"{version('SimpleITK')}, {version('kregzoo')}",
            "parameters": f"demons=None start={ours.name}",
        }
        methods += [ours, Method(refined, started, description)]
    return methods


def baselines(names):
    """Make baselines by name or by group.

    Args:
        names: iterable of names, such as `"ants-syn"`, or of groups, such as `"ants"`.

    Returns:
        List of `Method`, in a fixed order.

    Raises:
        ValueError: If a name is unknown.
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
    """Make all baselines. A package is imported when its method runs."""
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
        make_method("kregzoo", iterative.run_start, "identity", centres=False),
        make_method("kregzoo", iterative.run_start, "centres", centres=True),
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
