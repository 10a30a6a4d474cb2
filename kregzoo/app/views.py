"""Draw presets and registrations as HTML."""

from kregzoo import zoo
from kregzoo.presets.preset import installed_presets
from kregzoo.report import draw, plain
from kregzoo.report.html import CAPTIONS, embedded
from kregzoo.report.page import png
from kregzoo.zoo.cards import headline

FADE = "fade"
CAPTION = "Fade. 0 shows the fixed image, 100 shows the warped image."


def cards():
    """Describe each installed preset.

    Returns:
        List of dicts of str: `name`, `data`, `transform`, `accuracy`, `licence`, and
        `picture`, a data URL.
    """
    folders = installed_presets()
    return [
        {
            "name": record.name,
            "data": record.data,
            "transform": f"{record.ndim}-D, {record.predicts}",
            "accuracy": headline(record.metrics),
            "licence": record.licence,
            "picture": picture(folders[record.name]),
        }
        for record in zoo.list_models(task="register")
    ]


def picture(folder):
    """Embed the picture of a preset in a data URL.

    Pictures of registrations come before the plot of the training.

    Args:
        folder: `pathlib.Path` of the preset.

    Returns:
        str, empty if the folder has no picture.
    """
    paths = sorted(folder.glob("*.png"), key=lambda path: path.stem == "training")
    return embedded(paths[0].read_bytes()) if paths else ""


def stage(scene, kind, voxel):
    """Draw a view of a registration as HTML.

    Args:
        scene: the `kregzoo.report.Scene`.
        kind: one of `kregzoo.report.KINDS`, or `FADE`, which overlays the warped image
            with the opacity of the CSS variable `--fade`.
        voxel: indices along the display axes of the voxel that all planes contain.

    Returns:
        str.
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
