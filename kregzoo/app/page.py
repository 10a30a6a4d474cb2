"""Build the page and its events."""

import html

from kregzoo.app.session import SUFFIXES, forget, in_words, register
from kregzoo.app.templates import CARDS, CHOOSE, HEADER, HEADING, OPACITY, WELCOME
from kregzoo.app.views import FADE, cards, stage
from kregzoo.report import KINDS
from kregzoo.report.html import CAPTIONS, table_rows, warning_box
from kregzoo.utils.extras import import_extra

MOST_STEPS = 200
HOUR, DAY = 3600, 86400


def require_gradio():
    """Import gradio, which an extra installs."""
    return import_extra("gradio", "The app", "app")


def build(folder):
    """Build the page.

    Args:
        folder: path of the folder for the results of all sessions.

    Returns:
        A `gradio.Blocks`.
    """
    gradio = require_gradio()
    with gradio.Blocks(
        title="kregzoo",
        analytics_enabled=False,
        delete_cache=(HOUR, DAY),
        fill_width=True,
    ) as page:
        outcome = gradio.State(delete_callback=forget)
        gradio.HTML(HEADER)
        with gradio.Row():
            with gradio.Column(scale=2, min_width=340):
                inputs, button = _inputs(gradio)
            with gradio.Column(scale=5, min_width=480):
                status = gradio.HTML(WELCOME, elem_id="status")
                with gradio.Column(visible=False) as results:
                    shown = _results(gradio, outcome)
        button.click(
            _runner(gradio, folder), [*inputs, outcome], [outcome, status]
        ).success(_shower(gradio), outcome, [results, *shown])
    return page


def _inputs(gradio):
    """Make the inputs of a registration and the button that starts it."""
    moving, fixed = (
        gradio.File(
            label=f"{role} image", file_types=list(SUFFIXES), height=130, elem_id=role
        )
        for role in ("Moving", "Fixed")
    )
    preset = gradio.HTML(
        html_template=CARDS,
        js_on_load=CHOOSE,
        cards=cards(),
        elem_id="presets",
    )
    refine = gradio.Slider(
        0,
        MOST_STEPS,
        value=0,
        step=10,
        label="Refinement steps",
        info="Optimization on this pair after the network's prediction.",
        buttons=[],
    )
    button = gradio.Button("Register", variant="primary", size="lg")
    return [preset, moving, fixed, refine], button


def _results(gradio, outcome):
    """Make the outputs that show an outcome, and their events."""
    names = {kind: CAPTIONS[kind].partition(".")[0] for kind in KINDS}
    choices = [("Fade", FADE), *((name, kind) for kind, name in names.items())]
    kind = gradio.Radio(choices, value=FADE, label="View", show_label=False)
    view = gradio.HTML(elem_id="view")
    with gradio.Row():
        fade = gradio.Slider(0, 100, value=50, label="Fade", buttons=[], elem_id="fade")
        slices = [
            gradio.Slider(0, 1, step=1, label=f"{plane} slice", buttons=[])
            for plane in ("Axial", "Coronal", "Sagittal")
        ]
    with gradio.Row():
        files = [
            gradio.DownloadButton(f"Download {what}", size="md")
            for what in ("warped image", "transform (ITK)", "report")
        ]
    table = gradio.HTML(elem_id="metrics", apply_default_css=False)

    def show(outcome, kind, *slices):
        if outcome is None:
            raise gradio.Error("The result was deleted: register again.")
        return _view(outcome, kind, slices)

    gradio.on(
        [kind.input, *(slider.input for slider in slices)],
        show,
        [outcome, kind, *slices],
        view,
        show_progress="hidden",
        trigger_mode="always_last",
    )
    kind.input(lambda kind: gradio.Slider(visible=kind == FADE), kind, fade)
    fade.input(None, fade, js=OPACITY)
    return [kind, view, fade, *slices, *files, table]


def _view(outcome, kind, slices):
    """Draw an outcome at slices, which are given in the order of the page."""
    scene = outcome.registration.scene
    return stage(scene, kind, slices[::-1][: len(scene.shape)])


def _runner(gradio, folder):
    """Make the button's action, which returns an outcome and its heading."""
    # Gradio shows progress if the last argument defaults to its tracker.
    shown = gradio.Progress()

    def run(preset, moving, fixed, refine, earlier, progress=shown):
        try:
            outcome = register(preset, moving, fixed, refine, folder, progress)
        except (ValueError, OSError, ImportError) as error:
            text = in_words(error, moving, fixed)
            raise gradio.Error(text, duration=None, print_exception=False) from error
        forget(earlier)
        pair = outcome.registration
        names = [html.escape(image.name) for image in (pair.moving, pair.fixed)]
        return outcome, HEADING.format(*names, outcome.preset)

    return run


def _shower(gradio):
    """Make the function that computes the values of all outputs of `_results`."""

    def show(outcome):
        scene = outcome.registration.scene
        cuts = [(plane.index, plane.normal) for plane in scene.planes]
        three = len(cuts) == 3
        cuts = cuts if three else [(0, 0)] * 3
        warped, transform, _, report = outcome.paths
        metrics = outcome.registration.metrics
        box, rows = warning_box(metrics["warnings"]), "".join(table_rows(metrics))
        return [
            gradio.Column(visible=True),
            FADE,
            _view(outcome, FADE, [index for index, _ in cuts]),
            gradio.Slider(visible=True),
            *(
                gradio.Slider(maximum=scene.shape[axis] - 1, value=index, visible=three)
                for index, axis in cuts
            ),
            *(gradio.DownloadButton(value=p) for p in (warped, transform, report)),
            f"{box}<table>{rows}</table>",
        ]

    return show
