import dataclasses

import numpy as np
import pytest

from kregzoo.metrics import registry
from kregzoo.metrics.registry import METRICS, Metric

BOX, SHIFTED = np.zeros((2, 12, 12), bool)
BOX[2:8, 3:9] = True
SHIFTED[4:10, 3:9] = True


def test_each_metric_is_computed_as_its_input_says():
    found = {
        metric.name: metric.compute(BOX, SHIFTED, (0.5, 2.0))
        for metric in registry.measured_on("structure")
    }
    # Four of six rows overlap; the surfaces are two voxels of 0.5 mm apart.
    assert found == {"dice": pytest.approx(2 / 3), "hd95": pytest.approx(1.0)}
    (tre,) = registry.measured_on("points")
    points = np.zeros((2, 3))
    assert tre.compute(points, points + [[3, 4, 0], [0, 0, 1]]) == pytest.approx(3.0)
    flipped = np.zeros((8, 8, 2))
    flipped[..., 0] = -2.0 * np.arange(8)[:, None]
    folds, spread = registry.measured_on("displacement")
    (inside,) = registry.measured_on("foreground")
    assert inside.compute(flipped, np.ones((8, 8), bool)) == 100
    assert folds.compute(flipped) == 100 and spread.compute(np.zeros((8, 8, 2))) == 0


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("dice", 0.61234, "0.6123"),
        ("tre", [1.5, 1.25, 2.0], "1.50 [1.25, 2.00]"),
        ("success_percent", 94.4, "94"),
        ("hd95", None, ""),
        ("dice", [0.5, None, None], "0.5000"),
    ],
)
def test_values_are_shown_with_the_digits_of_the_metric(name, value, text):
    assert METRICS[name].text(value) == text


def test_units_and_directions_are_known():
    assert METRICS["tre"].heading == "TRE in mm" and METRICS["tre"].sign == -1
    assert METRICS["dice"].heading == "Dice" and METRICS["dice"].sign == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "dice"}, "Received: 'dice'"),
        ({"better": "up"}, "Received: 'up'"),
        ({"measured_on": "labels"}, "Received: 'labels'"),
    ],
)
def test_metrics_that_do_not_fit_are_refused(changes, said, monkeypatch):
    monkeypatch.setattr(registry, "METRICS", dict(METRICS))
    with pytest.raises(ValueError, match=said):
        registry.register_metric(
            dataclasses.replace(Metric("new", "new", "New."), **changes)
        )
    assert "new" not in registry.METRICS
