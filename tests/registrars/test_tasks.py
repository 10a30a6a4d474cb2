from kregzoo.models import SYSTEMS
from kregzoo.registrars import OneStepRegistrar, RegistersPair, Registrar


def test_every_system_has_a_task_whose_objects_have_its_verb():
    for system in SYSTEMS.values():
        assert hasattr(system.task.registrar, system.task.verb)
        assert issubclass(system.task.registrar, Registrar)
        assert [source.name for source in system.task.inputs] == ["moving", "fixed"]


def test_arguments_of_the_task_go_to_the_registrar():
    class Fake:
        @classmethod
        def from_preset(cls, model, preset, recipe, **arguments):
            return model, preset, recipe, arguments

    task = RegistersPair(Fake, seed=3)
    assert task.make("model", "preset", "recipe") == (
        *("model", "preset", "recipe"),
        {"seed": 3},
    )
    assert RegistersPair().registrar is OneStepRegistrar
