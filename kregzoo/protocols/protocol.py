"""Protocols: cases, baselines, and the call of a loaded network."""

import abc
import dataclasses
from collections.abc import Callable


class Case(abc.ABC):
    """Case of a protocol.

    Attributes:
        name: str. The case in tables of results.
        persons: tuple of str, the persons whose images the case contains. If it is
            empty, the case counts as independent of all others.
        group: str. Part of the population that the persons belong to, or empty.
    """

    persons = ()
    group = ""

    @abc.abstractmethod
    def run(self, method, folder):
        """Run a method on the case. The evaluation measures the time of this call.

        Args:
            method: the `kregzoo.evaluation.Method`. `method.run` takes the inputs of
                the case, then the folder.
            folder: folder to write to, a `pathlib.Path`.

        Returns:
            The answer, to pass to `measure`.
        """

    @abc.abstractmethod
    def measure(self, answer):
        """Measure an answer.

        Args:
            answer: the answer that `run` returned.

        Returns:
            List of dicts of `label`, `metric` and `value`, see `rows_of`.
        """


def save_result(result, folder):
    """Write a result by `result.save`, and return it as the answer."""
    result.save(folder)
    return result


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How systems are evaluated.

    Args:
        name: str. The protocol in `kregzoo evaluate --protocol NAME`, and in the names
            of tables.
        make_cases: callable of a data folder, a folder to write to, and the number of
            cases, or None for all. Returns a list of `Case`.
        title: str. Description of the cases, appended to the title of the data. If it
            is empty, the cases are those of the data, and the table is named after the
            data only.
        baselines: tuple of str. Methods to compare with, by the names of
            `kregzoo.evaluation.baselines`. A name that contains `{preset}` stands for
            one method for each preset.
        verb: str. Name of the method of a loaded network that solves a case.
        options: dict of keyword arguments of this method.
        save: callable of the result of this method and a folder. It writes the result
            and returns the answer for the cases. Defaults to a function that calls
            `result.save(folder)` and returns the result.
        refines: bool. Measure presets with refinement, too.
        success: float. TRE in mm below which a registration is successful. Defaults to
            none.
    """

    name: str
    make_cases: Callable
    title: str = ""
    baselines: tuple = ()
    verb: str = "register"
    options: dict = dataclasses.field(default_factory=dict)
    save: Callable = save_result
    refines: bool = False
    success: float | None = None

    def ask(self, network, *inputs, **options):
        """Apply a loaded network to a case.

        Args:
            network: object that `kregzoo.load` returned.
            *inputs: the inputs of the case, then the folder to write to.
            **options: further keyword arguments of the network's method.

        Returns:
            The answer, which the case measures.
        """
        *inputs, folder = inputs
        verb = getattr(network, self.verb)
        return self.save(verb(*inputs, **{**self.options, **options}), folder)

    def table_name(self, data):
        """Name the table of a data set.

        Args:
            data: str. Name of the data folder.

        Returns:
            A str.

        Example:
            >>> Protocol("affines", list, "under random affines").table_name("brains")
            'brains_affines'
        """
        return f"{data}_{self.name}" if self.title else data


def rows_of(values, label=None):
    """Make the rows of a label or of a whole case.

    Args:
        values: dict of floats by metric.
        label: int, or None for the whole case.

    Returns:
        List of dicts of `label`, `metric` and `value`.

    Example:
        >>> rows_of({"tre": 1.5})
        [{'label': None, 'metric': 'tre', 'value': 1.5}]
    """
    return [{"label": label, "metric": m, "value": v} for m, v in values.items()]
