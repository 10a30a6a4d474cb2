"""Registrars: one network pass, iterative registration, and their results."""

from kregzoo.registrars.checks import RegistrationWarning
from kregzoo.registrars.classical import register
from kregzoo.registrars.generative import GenerativeRegistrar
from kregzoo.registrars.iterative import IterativeRegistrar
from kregzoo.registrars.learned_metric import LearnedMetricRegistrar
from kregzoo.registrars.loaded_network import LoadedNetwork
from kregzoo.registrars.one_step import OneStepRegistrar, Refinement
from kregzoo.registrars.optimizers import SciPy
from kregzoo.registrars.quality import QualityScoringRegistrar
from kregzoo.registrars.registrar import Registrar
from kregzoo.registrars.registration import Registration
from kregzoo.registrars.tasks import Input, RegistersPair, Task
from kregzoo.registrars.transform_models import (
    Affine,
    BSpline,
    Displacement,
    Rigid,
    Velocity,
)

__all__ = [
    "Affine",
    "BSpline",
    "Displacement",
    "GenerativeRegistrar",
    "Input",
    "IterativeRegistrar",
    "LearnedMetricRegistrar",
    "LoadedNetwork",
    "OneStepRegistrar",
    "QualityScoringRegistrar",
    "Refinement",
    "RegistersPair",
    "Registrar",
    "Registration",
    "RegistrationWarning",
    "Rigid",
    "SciPy",
    "Task",
    "Velocity",
    "register",
]
