import pytest

from kregzoo.evaluation.baselines import registry
from kregzoo.protocols import KNOWN_AFFINES, affine_pairs
from kregzoo.protocols.pair_cases import WrittenTransform
from kregzoo.spatial import AffineTransform
from tests.known_data import method


def test_mutual_information_goes_on_from_what_a_preset_found(
    contrasts, tmp_path, monkeypatch
):
    (pair,) = affine_pairs(contrasts, tmp_path, 1)

    class Near:
        def __call__(self, moving, fixed, folder):
            near = pair.ground_truth.matrix.copy()
            near[:3, 3] += (4.0, -3.0, 2.0)
            AffineTransform(near).save(folder / "near.tfm")
            return WrittenTransform([folder / "near.tfm"])

    near = method("near", Near())
    monkeypatch.setattr(registry, "preset_methods", lambda *arguments: [near])
    *_, mass, ours, refined = registry.methods_of(KNOWN_AFFINES, ["near"])
    assert mass.name == "sitk-affine from centers of mass" and ours is near
    assert refined.name == "sitk-affine from near"
    errors = [pair.measure(pair.run(m, tmp_path))[0]["value"] for m in (ours, refined)]
    assert errors[0] == pytest.approx(29**0.5) and errors[1] < errors[0] - 1
