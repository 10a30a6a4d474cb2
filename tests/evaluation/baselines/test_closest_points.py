import numpy as np

from kregzoo.evaluation.baselines import registry
from kregzoo.protocols import BODY_SURFACES, surface_pairs
from kregzoo.spatial import AffineTransform


def test_closest_points_lay_one_skin_on_another(volumes, tmp_path):
    (pair,) = surface_pairs(volumes, tmp_path, 1)
    *_, icp = registry.methods_of(BODY_SURFACES)
    assert icp.name == "closest-points"
    start = pair.measure_transform(AffineTransform(np.eye(4)))[0]["value"]
    assert pair.measure(pair.run(icp, tmp_path))[0]["value"] < 0.5 * start
