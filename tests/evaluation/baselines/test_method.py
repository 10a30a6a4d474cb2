import numpy as np

from kregzoo.evaluation import baselines
from kregzoo.evaluation.baselines.method import make_method, version


def test_what_runs_is_recorded():
    for method in baselines(["ants-syn", "sitk"]):
        assert method.description["package"].startswith(("antspyx", "SimpleITK"))
    (syn,) = baselines(["ants-syn"])
    assert syn.description["parameters"] == "type_of_transform=SyN"


def test_a_method_runs_with_the_parameters_that_it_records(tmp_path):
    def run(*inputs, **parameters):
        return inputs, parameters

    found = make_method("numpy", run, "test", kind="affine", steps=3)
    assert found.name == "test"
    assert found.description == {
        "package": f"numpy {np.__version__}",
        "parameters": "kind=affine steps=3",
    }
    inputs = "moving", "fixed", tmp_path
    assert found.run(*inputs) == (inputs, {"kind": "affine", "steps": 3})


def test_a_package_that_is_not_installed_is_said_to_be():
    assert version("no-such-distribution") == "no-such-distribution (not installed)"
