"""A page in the browser that registers two images: `kregzoo app`.

All that is uploaded and written lies in one temporary folder, which goes when the app
ends; the results of a session go with the session.
"""

import dataclasses
import functools
import html
import mmap
import os
import pathlib
import re
import signal
import socket
import tempfile

from kregzoo import zoo
from kregzoo.presets.preset import installed_presets
from kregzoo.registrars.registration import Registration
from kregzoo.report import KINDS, draw, plain
from kregzoo.report.html import CAPTIONS, embedded, table_rows
from kregzoo.report.page import png, require_matplotlib
from kregzoo.zoo.cards import headline

SUFFIXES = (".nii", ".nii.gz", ".mgh", ".mgz", ".mha", ".nrrd", ".png")
LARGEST = "512mb"
MOST_STEPS = 200
HOUR, DAY = 3600, 86400
FADE = "fade"
CAPTION = "Fade. From the fixed image, at 0, to the warped one, at 100."
# Headers of MetaImage and NRRD may send the reader to any other file.
ELSEWHERE = re.compile(
    rb"ElementDataFile[^=:\r\n]*[=:]\s*+(?!LOCAL\s)|data ?file\s*:", re.I
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a session keeps of a registration.

    Args:
        preset: str, its name.
        registration: the `Registration`.
        folder: the `tempfile.TemporaryDirectory` of its files.
        paths: of the files, as `Registration.save` gives them.
    """

    preset: str
    registration: Registration
    folder: tempfile.TemporaryDirectory
    paths: list


def serve(host="127.0.0.1", port=7860, browser=True):
    """Serves the page until it is interrupted.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        browser: Whether to open the page in the browser.

    Raises:
        ValueError: The port is in use, or the address not this machine's.
        ImportError: gradio or matplotlib is not installed.
    """
    require_matplotlib()
    require_port(host, port)
    with tempfile.TemporaryDirectory(prefix="kregzoo-") as folder:
        # Gradio's own place, looked up when it is imported, would outlive the app.
        os.environ["GRADIO_TEMP_DIR"] = folder
        gradio = require_gradio()
        # Ended by a service manager, it cleans up as after Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        page = build(folder)
        page.launch(
            server_name=host,
            server_port=port,
            inbrowser=browser,
            max_file_size=LARGEST,
            css=CSS,
            theme=gradio.themes.Base(
                primary_hue="orange",
                neutral_hue="slate",
                font=("system-ui", "sans-serif"),
                font_mono=("ui-monospace", "monospace"),
            ),
            share=False,
            ssr_mode=False,
            footer_links=[],
            quiet=True,
            prevent_thread_lock=True,
        )
        print(f"Serving {page.local_url} until Ctrl-C", flush=True)
        page.block_thread()


def require_gradio():
    """Imports gradio, an extra.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import gradio
    except ImportError as error:
        raise ImportError('The app needs gradio: pip install "kregzoo[app]"') from error
    return gradio


def require_port(host, port):
    """Checks that the app can listen.

    Raises:
        ValueError: The port is in use, or the address not this machine's.
    """
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        # Python adds to the reason the address, which the message ends with.
        reason = error.strerror.partition(" (while")[0]
        raise ValueError(
            f"The app cannot listen there ({reason}): choose another --port, "
            f"or an address of this machine as --host. Received: {host}:{port}"
        ) from error


def register(preset, moving, fixed, refine, folder, tell=lambda share, stage: None):
    """Registers two uploaded images, and writes the result.

    Args:
        preset: Name of an installed preset, None if none was chosen.
        moving: Path of the moving image, None if there is none.
        fixed: Path of the fixed image, None if there is none.
        refine: Steps of optimisation after the network's answer.
        folder: Folder in which to make the folder of the result.
        tell: Called with the share that is done, in [0, 1], and what comes next.

    Returns:
        The `Outcome`.

    Raises:
        ValueError: What was given cannot be registered; nothing is left in `folder`.
    """
    if not (moving and fixed):
        raise ValueError("Give two images, a moving and a fixed one.")
    if preset not in installed_presets():
        raise ValueError("Choose a preset.")
    for path in (moving, fixed):
        check_file(path)
    tell(0.1, "Loading the preset")
    registrar = _registrar(preset)
    tell(0.2, "Registering")
    result = registrar.register(moving, fixed, refine=int(refine), progress=False)
    tell(0.8, "Writing the result")
    home = tempfile.TemporaryDirectory(dir=folder)
    try:
        return Outcome(preset, result, home, result.save(home.name))
    except BaseException:
        home.cleanup()
        raise


def check_file(path):
    """Checks that an uploaded file is an image, whole in itself.

    Raises:
        ValueError: It is of another format, or names a further file of this machine.
    """
    path = pathlib.Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise ValueError(
            f"Images must be of the formats {', '.join(SUFFIXES)}. "
            f"Received: {path.name}"
        )
    with open(path, "rb") as file:
        if not path.stat().st_size:
            raise ValueError(f"The file is empty. Received: {path.name}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if ELSEWHERE.search(content):
                raise ValueError(
                    "The voxels must be in the file itself, not in one that it names. "
                    f"Received: {path.name}"
                )


def forget(outcome):
    """Removes the files of an `Outcome`, if there is one."""
    if outcome is not None:
        outcome.folder.cleanup()


def in_words(error, *paths):
    """The text of an error, files named as the user knows them, for HTML."""
    text = str(error)
    for path in filter(None, paths):
        text = text.replace(str(path), pathlib.Path(path).name)
    return html.escape(text, quote=False)


def cards():
    """What the page says of each installed preset.

    Returns:
        List of dicts of str: `name`, `data`, `transform`, `accuracy`, `licence`, and
        `picture`, the address that holds it.
    """
    folders = installed_presets()
    return [
        {
            "name": record.name,
            "data": record.data,
            "transform": f"{record.ndim}-D, {record.predicts}",
            "accuracy": headline(record.figures),
            "licence": record.licence,
            "picture": picture(folders[record.name]),
        }
        for record in zoo.list_models()
    ]


def picture(folder):
    """The address that holds a preset's picture, "" without one.

    It shows what the preset does or, where nothing does, how its training went.
    """
    paths = sorted(folder.glob("*.png"), key=lambda path: path.stem == "training")
    return embedded(paths[0].read_bytes()) if paths else ""


def stage(scene, kind, voxel):
    """Draws a view of a registration as HTML.

    Args:
        scene: The `kregzoo.report.Scene`.
        kind: One of `kregzoo.report.KINDS`, or `FADE`, whose upper image is as opaque
            as the page's CSS variable `--fade` says.
        voxel: Index along each display axis, through which the planes go.
    """
    scene = scene.through(*voxel)
    if kind == FADE:
        pictures = {name: plain(scene, name) for name in ("fixed", "warped")}
    else:
        pictures = {kind: draw(scene, kind)}
    images = "".join(
        f'<img class="{name}" alt="{name}" src="{embedded(png(figure))}">'
        for name, figure in pictures.items()
    )
    name, _, text = {FADE: CAPTION, **CAPTIONS}[kind].partition(". ")
    return f'<div class="stage">{images}</div><p><b>{name}</b> {text}</p>'


def build(folder):
    """Builds the page.

    Args:
        folder: Folder for the results of all sessions.

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
    """Makes what a registration is asked for with, and the button that asks."""
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
        info="Optimisation on this pair after the network's answer.",
        buttons=[],
    )
    button = gradio.Button("Register", variant="primary", size="lg")
    return [preset, moving, fixed, refine], button


def _results(gradio, outcome):
    """Makes what shows an outcome, and the events that turn it about."""
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
            raise gradio.Error("The result is no longer kept: register again.")
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
    """The stage of an outcome, cut at slices in the order of the page."""
    scene = outcome.registration.scene
    return stage(scene, kind, slices[::-1][: len(scene.shape)])


def _runner(gradio, folder):
    """Makes what the button does: an outcome and its heading, or an error in words."""
    # Gradio shows the progress of what has one as its last argument's default.
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
    """Makes what shows a new outcome: the values of all of `_results`."""

    def show(outcome):
        scene = outcome.registration.scene
        cuts = [(plane.index, plane.normal) for plane in scene.planes]
        three = len(cuts) == 3
        cuts = cuts if three else [(0, 0)] * 3
        warped, transform, _, report = outcome.paths
        rows = "".join(table_rows(outcome.registration.metrics))
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
            f"<table>{rows}</table>",
        ]

    return show


@functools.lru_cache(maxsize=4)
def _registrar(preset):
    return zoo.load(preset)


OPACITY = "v => document.documentElement.style.setProperty('--fade', v / 100)"

CHOOSE = """\
element.addEventListener("change", (event) => {
  props.value = event.target.value;
  trigger("change");
});"""

HEADER = """\
<h1>kregzoo</h1>
<p>Medical image registration by networks. Images stay on the machine that serves this
page.</p>"""

WELCOME = """\
<h2>No registration yet</h2>
<p>Drop a moving and a fixed image at the left, choose a preset that was trained on such
images, and register.</p>"""

HEADING = """\
<h2>{} registered to {}</h2>
<p>by {}, on the grid of the fixed image</p>"""

CARDS = """\
<fieldset>
<legend>Preset</legend>
{{#each cards}}
<label>
<input type="radio" name="preset" value="{{name}}">
{{#if picture}}<img src="{{picture}}" alt="">{{/if}}
<div>
<b>{{name}}</b>
<p>{{data}}</p>
<p>{{transform}} · held-out {{accuracy}}</p>
<small>{{licence}}</small>
</div>
</label>
{{/each}}
</fieldset>"""

CSS = """\
.html-container { padding: 0 !important; }
h1 { font-size: 1.5rem; margin: 0.4rem 0 0; }
h2 { font-size: 1.1rem; }
#status { min-height: 4rem; }
#presets legend { color: var(--block-label-text-color); margin-bottom: 0.4rem; }
#presets fieldset { display: grid; gap: 0.5rem; max-height: 27rem; overflow-y: auto; }
#presets label {
  position: relative; display: grid; grid-template-columns: 5.5rem 1fr;
  gap: 0.8rem; padding: 0.6rem;
  border: 1px solid var(--border-color-primary); border-radius: 8px;
  background: var(--block-background-fill); cursor: pointer;
  font-size: 0.8rem; line-height: 1.4;
}
#presets label:has(:checked) {
  border-color: var(--primary-500); background: var(--primary-50);
}
#presets label:has(:focus-visible) { outline: 2px solid var(--primary-300); }
#presets input { position: absolute; inset: 0; opacity: 0; cursor: inherit; }
#presets img { width: 5.5rem; height: 5.5rem; object-fit: cover; border-radius: 5px; }
#presets p { margin: 0; }
#presets small, #view p, #status p { color: var(--body-text-color-subdued); }
.dark #presets label:has(:checked) { background: var(--neutral-800); }
.stage { display: grid; background: #0b0e14; border-radius: 8px; overflow: hidden; }
.stage img { grid-area: 1 / 1; max-width: 100%; max-height: 62vh; margin: auto; }
.stage .warped { opacity: var(--fade, 0.5); }
#view p { margin: 0.4rem 0 0; }
#metrics table {
  width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums;
  font-size: 0.9rem;
}
#metrics th, #metrics td {
  padding: 0.3rem 0.2rem; border-bottom: 1px solid var(--border-color-primary);
}
#metrics th { text-align: left; font-weight: 400; }
#metrics td { text-align: right; font-weight: 600; }
"""
