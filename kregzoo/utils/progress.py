"""Progress bars."""

import contextlib


@contextlib.contextmanager
def progress_bar(total, shown=True, label="Registering"):
    """Show a bar that disappears when done.

    Args:
        total: int. Number of steps.
        shown: bool. Show the bar.
        label: str. Text of the bar.

    Yields:
        A callable without arguments that advances the bar by one step.
    """
    from rich.console import Console
    from rich.progress import Progress

    # Printed to standard error, so that the output of a command can be piped.
    with Progress(
        console=Console(stderr=True), transient=True, disable=not shown
    ) as bars:
        task = bars.add_task(label, total=total)
        yield lambda: bars.advance(task)
