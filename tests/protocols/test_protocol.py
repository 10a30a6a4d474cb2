"""Evaluation by the protocol of another task than registering pairs."""

import dataclasses
import json

import pytest

from kregzoo import evaluation
from kregzoo.evaluation.baselines import presets
from kregzoo.metrics import registry
from kregzoo.metrics.registry import METRICS, Metric
from kregzoo.protocols import Case, Protocol, rows_of

ERRORS = {"a": 3.0, "b": 5.0}


@dataclasses.dataclass(frozen=True)
class KnownError(Case):
    """Case of a registration with a known error, which a network predicts."""

    name: str
    error: float

    def run(self, method, folder):
        return method.run(f"{self.name}.nii.gz", self.error, folder)

    def measure(self, answer):
        return rows_of({"error_gap": abs(answer.value - self.error)})


class Predicted:
    def __init__(self, value):
        self.value = value

    def save(self, folder):
        (folder / "error.txt").write_text(str(self.value))
        self.saved = sorted(path.name for path in folder.iterdir())


class Predictor:
    """Network in place of a loaded network of the task."""

    capabilities = frozenset()

    def __init__(self):
        self.answers = []

    def predict_error(self, path, error, scale):
        self.answers.append(Predicted(scale * error))
        return self.answers[-1]


def known_errors(data, folder, count=None):
    return [KnownError(name, error) for name, error in ERRORS.items()][:count]


PROTOCOL = Protocol(
    "errors",
    known_errors,
    "whose errors are known",
    verb="predict_error",
    options={"scale": 1.1},
    refines=True,
)


@pytest.fixture
def gap(monkeypatch):
    metric = Metric(
        "error_gap", "gap", "Error of the error.", "mm", "lower", 2, 3, interval=True
    )
    monkeypatch.setitem(METRICS, metric.name, metric)
    return metric


@pytest.fixture
def network(monkeypatch):
    network = Predictor()
    preset = dataclasses.make_dataclass("Preset", ["name", "metadata"])(
        "predictor", {"sha256": {"model.weights.h5": "abc"}}
    )
    monkeypatch.setattr(presets, "find_preset", lambda name: preset)
    monkeypatch.setattr(presets.zoo, "load", lambda name: network)
    return network


def test_another_task_is_evaluated_by_its_own_protocol(gap, network, tmp_path):
    data = tmp_path / "scans"
    data.mkdir()
    (data / "dataset.json").write_text(json.dumps({"title": "Scans"}))
    methods = evaluation.methods_of(PROTOCOL, ["predictor"], refine=50)
    # The network has no refinement, and the protocol names no baselines.
    assert [method.name for method in methods] == ["predictor"]
    table = evaluation.evaluate(
        methods, data, tmp_path, protocol=PROTOCOL, progress=False
    )
    assert table.name == "scans_errors"
    assert table.record["data"]["title"] == "Scans; whose errors are known"
    assert table.values("error_gap") == {
        "predictor": {name: pytest.approx(error / 10) for name, error in ERRORS.items()}
    }
    assert [answer.saved for answer in network.answers] == [["error.txt"]] * 2
    assert registry.by_priority(table.metrics) == [gap]
    assert "| predictor | 2 | 0.40 |" in evaluation.summary(table)
    found = evaluation.preset_metrics([table], "predictor")["scans_errors"]
    assert found["one pass"]["error_gap"][0] == pytest.approx(0.4)


def test_unknown_baselines_of_a_protocol_are_refused(network):
    wrong = dataclasses.replace(PROTOCOL, baselines=("nothing beside {preset}",))
    with pytest.raises(ValueError, match="Received: nothing beside {preset}"):
        evaluation.methods_of(wrong, ["predictor"])
