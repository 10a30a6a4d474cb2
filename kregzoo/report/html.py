"""Report of a registration as a single HTML file."""

import base64
import html
import numbers
import string

from kregzoo.report.figures import DRAWERS, plain
from kregzoo.report.page import png
from kregzoo.report.scene import Scene

CAPTIONS = {
    "overlay": "Overlay. The fixed image is orange, the other one blue. The sum is "
    "gray where they agree, and tinted where they differ.",
    "checkerboard": "Checkerboard. Tiles of the fixed image alternate with the moving "
    "(before) or the warped image (after). Edges are continuous where they agree.",
    "difference": "Difference. The moving and the warped image minus the fixed image, "
    "each in its own intensity window. Orange is brighter, blue is darker.",
    "grid": "Deformation. A regular lattice of the fixed image, deformed by the "
    "transform, over the moving image. The color is the length of the displacement.",
    "jacobian": "Jacobian determinant. From fixed to moving, volumes grow in orange "
    "areas and shrink in blue areas. Folded voxels are magenta.",
}


def build_report(fixed, moving_on_fixed, warped, displacement, metrics, title):
    """Build the report of a registration.

    The HTML contains all pictures, styles and scripts, so that it opens offline.

    Args:
        fixed: `Image` in 2-D or 3-D.
        moving_on_fixed: the moving `Image`, resampled to the grid of `fixed`.
        warped: the warped `Image`, on the grid of `fixed`.
        displacement: array `(*spatial, D)` in voxels of its grid, which covers the
            field of view of `fixed` at any resolution.
        metrics: dict of numbers and texts by name for the table; may be nested. Its
            `"warnings"`, a list of sentences, are shown above the table.
        title: heading of the page.

    Returns:
        The HTML as a string.

    Raises:
        ValueError: If the shapes do not match.

    Example:
        >>> import numpy as np
        >>> from kregzoo.spatial import Image
        >>> image = Image.from_array(np.eye(16))
        >>> still = np.zeros((16, 16, 2))
        >>> page = build_report(image, image, image, still, {"seconds": 0.1}, "Trial")
        >>> "<h1>Trial</h1>" in page
        True
    """
    scene = Scene(fixed, moving_on_fixed, warped, displacement)
    figures = "\n".join(
        FIGURE.substitute(
            image=embedded(png(draw(scene))),
            name=CAPTIONS[kind].split(".")[0],
            text=CAPTIONS[kind].partition(". ")[2],
        )
        for kind, draw in DRAWERS.items()
    )
    images = {name: embedded(png(plain(scene, name))) for name in scene.names}
    return PAGE.substitute(
        title=html.escape(title),
        warnings=warning_box(metrics.get("warnings")),
        rows="\n".join(table_rows(metrics)),
        figures=figures,
        grid=_grid_in_words(fixed.grid),
        **images,
    )


def _grid_in_words(grid):
    shape = " × ".join(map(str, grid.shape))
    if grid.unit == "pixel":
        return f"{shape} pixels of unknown size: lengths are in pixels"
    return f"{shape} voxels of {' × '.join(f'{s:.3g}' for s in grid.spacing)} mm"


def build_summary(scene, metrics):
    """Build the view of a registration in a notebook: an overlay and a table.

    Args:
        scene: the `Scene`.
        metrics: dict of numbers and texts by name for the table; may be nested.

    Returns:
        HTML as a string.
    """
    source = embedded(png(DRAWERS["overlay"](scene)))
    box = warning_box(metrics.get("warnings"))
    rows = "".join(table_rows(metrics))
    return f'<img alt="Overlay" src="{source}">{box}<table>{rows}</table>'


def embedded(content):
    """Encode the bytes of a PNG file as a data URL."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def warning_box(warnings):
    """Format sentences as an orange HTML box, empty without any."""
    if not warnings:
        return ""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in warnings)
    return (
        f'<div class="warnings" style="{BOX}"><ul style="margin:0">{items}</ul></div>'
    )


def table_rows(metrics, prefix=""):
    """Yield the rows of an HTML table of metrics, which may be nested.

    The list of `"warnings"` is left out.
    """
    for name, value in metrics.items():
        if name == "warnings":
            continue
        label = prefix + str(name).replace("_", " ")
        if isinstance(value, dict):
            yield from table_rows(value, f"{label} · ")
            continue
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
            value = f"{float(value):.4g}"
        cells = html.escape(label), html.escape(str(value))
        yield "<tr><th scope='row'>{}</th><td>{}</td></tr>".format(*cells)


# In the element, because notebooks and the app show the box without a style sheet.
BOX = (
    "background:#c65a00;color:#fff;padding:0.8rem 1.1rem;margin:0 0 1.25rem;"
    "border-radius:14px"
)
FIGURE = string.Template("""\
<figure>
<img src="$image" alt="$name">
<figcaption><b>$name</b> $text</figcaption>
</figure>""")

PAGE = string.Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root {
  color-scheme: light dark;
  --page: #f4f6f9; --card: #ffffff; --line: #e0e5ec; --ink: #18202b;
  --soft: #5b6675; --accent: #c65a00; --light-box: #0b0e14;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161d; --card: #1a2029; --line: #2a323e; --ink: #e4e9f0;
    --soft: #98a3b3; --accent: #ff9240;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0 auto; max-width: 1080px; padding: 2.5rem 1.25rem 4rem;
  background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { margin: 0; font-size: 1.7rem; letter-spacing: -0.015em; line-height: 1.2; }
header p { margin: 0.35rem 0 1.75rem; color: var(--soft); }
section, figure {
  margin: 0 0 1.25rem; background: var(--card); overflow: hidden;
  border: 1px solid var(--line); border-radius: 14px;
}
img { display: block; width: 100%; height: auto; }
figure img { width: auto; max-width: 100%; margin: 0 auto; }
figure, .stage { background: var(--light-box); }
figcaption, .bar { padding: 0.8rem 1.1rem; background: var(--card); }
figcaption, .bar { color: var(--soft); }
figcaption b { color: var(--ink); margin-right: 0.35rem; }
.stage { display: grid; }
.stage img { grid-area: 1 / 1; width: auto; max-width: 100%; margin: 0 auto; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1rem; }
.bar input { accent-color: var(--accent); }
.bar input[type=range] { flex: 1 1 12rem; }
.bar label { display: inline-flex; align-items: center; gap: 0.35rem; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.5rem 1.1rem; border-top: 1px solid var(--line); }
tr:first-child > * { border-top: 0; }
th { text-align: left; font-weight: 500; color: var(--soft); }
td { text-align: right; font-weight: 600; overflow-wrap: anywhere; }
</style>
</head>
<body>
<header>
<h1>$title</h1>
<p>Fixed grid $grid</p>
</header>
$warnings
<section><table><tbody>
$rows
</tbody></table></section>
<section>
<div class="stage">
<img src="$fixed" alt="Fixed image">
<img id="moving" src="$moving" alt="Moving image" hidden>
<img id="warped" src="$warped" alt="Warped image">
</div>
<div class="bar">
<span>Fixed</span>
<input id="fade" type="range" min="0" max="100" value="50"
 aria-label="Fade from the fixed to the other image">
<label><input type="radio" name="other" value="warped" checked> Warped</label>
<label><input type="radio" name="other" value="moving"> Moving</label>
</div>
</section>
$figures
<script>
const fade = document.getElementById("fade");
function draw() {
  const chosen = document.querySelector("input[name=other]:checked").value;
  for (const name of ["moving", "warped"]) {
    const image = document.getElementById(name);
    image.hidden = name !== chosen;
    image.style.opacity = fade.value / 100;
  }
}
document.querySelectorAll("input").forEach((i) => i.addEventListener("input", draw));
draw();
</script>
</body>
</html>
""")
