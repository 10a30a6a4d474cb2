import keras
import numpy as np

from kregzoo.evaluation import benchmark
from kregzoo.evaluation.benchmark_cases import training
from tests.evaluation.benchmark_cases.small import SIZE


def test_drawn_steps_are_compared_with_bare_steps(monkeypatch):
    monkeypatch.setattr(training, "STEPS", 2)
    found = training.drawn_steps(SIZE)
    assert found.name == "2 steps of kregzoo train"
    (result,) = benchmark.run([found], 1, progress=False)
    ours, bare = result["implementations"]
    assert (ours["name"], bare["name"]) == ("kregzoo", "bare steps")
    assert ours["median"] > 0 and bare["ratio"]["median"] > 0


def test_both_train_with_labels_and_the_pairs_differ():
    pairs = training._pairs(SIZE)
    (x, y), (other, _) = pairs[0], pairs[1]
    assert x["fixed"].shape == (1, *SIZE, 1)
    assert y["fixed_labels"].shape == (1, *SIZE, 10)
    fixed, another = (keras.ops.convert_to_numpy(i["fixed"]) for i in (x, other))
    assert np.abs(fixed - another).max() > 0.1
