"""Registration by the optimization of a learned metric."""

import numpy as np
from keras import ops as kops

from kregzoo.registrars.iterative import IterativeRegistrar
from kregzoo.registrars.optimizers import SciPy
from kregzoo.registrars.registrar import Registrar
from kregzoo.registrars.registration import Registration
from kregzoo.registrars.transform_models import Rigid

# Half width of the search box in mm. For a prostate image, 20 mm at the faces of the
# image correspond to about 20 degrees.
BOUND = 20.0
POPULATION, GENERATIONS = 5, 20
ITERATIONS = 20
# Number of averaged evaluations, and the standard deviation in mm of their offsets.
PASSES, SPREAD = 8, 0.3


class LearnedMetricRegistrar(Registrar):
    """Register rigidly by minimizing a metric: differential evolution, then BFGS.

    A learned metric is not convex, so differential evolution explores the search box
    first. Then BFGS minimizes the mean of the metric over several slightly different
    alignments (Haskins et al., IJCARS 14, 2019).

    Args:
        model: a network called on `{"moving": ..., "fixed": ...}` whose mean output is
            the cost, or a loss of `kregzoo.losses` for comparison.
        preprocessor: the `Preprocessor` that the network was trained with.
        preset: the `Preset` that the network was loaded from. Defaults to none.
        seed: int. Seed of the search.

    Example:
        >>> from kregzoo.losses import NCC
        >>> from kregzoo.spatial import Preprocessor
        >>> registrar = LearnedMetricRegistrar(NCC(), Preprocessor(3.0, ((32,) * 3,)))
        >>> registrar.seed
        0
    """

    capabilities = frozenset({"refine", "search"})

    def __init__(self, model, preprocessor, preset=None, seed=0):
        super().__init__(model, preprocessor, preset)
        self.seed = seed
        bound = BOUND / preprocessor.spacing
        options = {"popsize": POPULATION, "polish": False, "rng": seed}
        self._explore = IterativeRegistrar(
            model,
            Rigid(),
            SciPy("differential_evolution", bound, options),
            levels=((1, GENERATIONS),),
            preprocessor=preprocessor,
        )
        self._descend = _Averaged(
            model,
            Rigid(),
            SciPy("BFGS"),
            levels=((1, ITERATIONS),),
            preprocessor=preprocessor,
        )

    def _register(self, moving, fixed, pair, work, timer):
        tensors = pair.tensors()
        start = self._explore.optimize(
            **tensors, progress=work.progress, label="Exploring"
        )
        timer.lap("explore")
        found = self._descend.optimize(
            **tensors,
            start=start,
            levels=((1, ITERATIONS + work.refine),),
            progress=work.progress,
            label="Descending",
        )
        timer.lap("descend")
        transform = self._descend.to_world(found, pair)
        return Registration(moving, fixed, transform, timer.seconds())


class _Averaged(IterativeRegistrar):
    """Minimize the mean of the metric over slightly different alignments."""

    def _cost(self, parameters, **images):
        rng = np.random.default_rng(0)
        sd = SPREAD / self.preprocessor.spacing
        shape = (PASSES, *parameters.shape)
        near = rng.normal(0, sd, shape).astype("float32")
        cost = super()._cost
        return sum(cost(kops.add(parameters, o), **images) for o in near) / PASSES
