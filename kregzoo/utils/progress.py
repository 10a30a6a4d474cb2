"""Progress shown while a registration runs."""

import contextlib


@contextlib.contextmanager
def progress_bar(total, shown=True, label="Registering"):
    """Show a bar that disappears when done.

    Args:
        total: int. Number of steps.
        shown: bool. False shows nothing.
        label: str. What is going on.

    Yields:
        A callable without arguments that advances the bar by one step.
    """
    from rich.console import Console
    from rich.progress import Progress

    # On standard error, so that what a command prints can be piped.
    with Progress(
        console=Console(stderr=True), transient=True, disable=not shown
    ) as bars:
        task = bars.add_task(label, total=total)
        yield lambda: bars.advance(task)
