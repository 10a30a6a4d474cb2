import pytest

from kregzoo.evaluation import baselines


def test_groups_and_single_methods_may_be_named():
    names = [method.name for method in baselines(["elastix", "ants-syn", "identity"])]
    elastix = [f"elastix-{kind}" for kind in ("affine", "bspline", "nmi", "ncc")]
    assert names == ["identity", "ants-syn", *elastix]
    with pytest.raises(ValueError, match="Received: nonsense"):
        baselines(["ants", "nonsense"])
