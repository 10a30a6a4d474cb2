"""Draw the pictures of the README and the cards: `python docs/figures.py`."""

import pathlib

import numpy as np
from matplotlib.figure import Figure

import kregzoo
from kregzoo import demo, ops
from kregzoo.agents.actions import RigidMotions
from kregzoo.presets.preset import installed_presets
from kregzoo.protocols.simulated_modality import cone_beam_image
from kregzoo.report import draw
from kregzoo.simulation.body_surfaces import surface
from kregzoo.spatial import Grid, Image

FOLDER = pathlib.Path(__file__).parent
BLUE, RED, GRAY = "#2f6f9f", "#c0563b", "#9aa3ab"


def main():
    """Draw all pictures, to the folder of this file or of the preset."""
    direction().savefig(FOLDER / "direction.png", dpi=110)
    demonstration().savefig(FOLDER / "demonstration.png", dpi=80)
    for name, path in installed_presets().items():
        registrar = kregzoo.load(name)
        if hasattr(registrar, "sample"):
            generation(registrar).savefig(path / "deformations.png", dpi=60)
        if see := SEEN.get(registrar.metadata["system"]):
            moving, fixed = drawn_bodies(see)
            result = registrar.register(moving, fixed, progress=False)
            result.save_animation(path / "example.gif")
        elif pair := PAIRS.get(registrar.metadata["data"]["name"]):
            figure = example(registrar, *pair())
            panel = figure.axes[0].get_window_extent()
            inches = panel.transformed(figure.dpi_scale_trans.inverted())
            figure.savefig(path / "example.png", dpi=30, bbox_inches=inches)


def direction():
    """Draw a voxel, its displacement as an arrow, and the warped image."""
    size, shift = 8, np.array([0.0, 2.0])
    moving = np.zeros((size, size))
    moving[2:6, 4:7] = 1.0
    field = np.broadcast_to(shift, (1, size, size, 2)).astype("float32")
    warped = np.array(ops.warp(moving[None, ..., None].astype("float32"), field))
    figure = Figure(figsize=(8, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, image, title in (
        (left, moving, "moving"),
        (right, warped[0, ..., 0], "warped(x) = moving(x + u(x)),  u = (0, +2)"),
    ):
        axes.imshow(image, cmap="Blues", vmin=0, vmax=3)
        axes.set_title(title, fontsize=11)
        axes.set_xticks(np.arange(size + 1) - 0.5, labels=[])
        axes.set_yticks(np.arange(size + 1) - 0.5, labels=[])
        axes.grid(color=GRAY, linewidth=0.5)
        axes.tick_params(length=0)
        axes.set_xlabel("axis 1")
        axes.set_ylabel("axis 0")
    x = np.array([3, 3])
    left.plot(*(x + shift)[::-1], "o", color=RED, markersize=8)
    left.plot(*x[::-1], "o", color=RED, markersize=8, markerfacecolor="none")
    left.annotate(
        "",
        (x + shift)[::-1],
        x[::-1],
        arrowprops={"arrowstyle": "-|>", "color": RED, "lw": 2},
    )
    left.text(x[1] - 0.3, x[0] - 0.5, "x", color=RED, fontsize=12)
    left.text(x[1] + shift[1] - 0.4, x[0] - 0.5, "x + u(x)", color=RED, fontsize=12)
    right.plot(*x[::-1], "o", color=RED, markersize=8)
    right.text(x[1] - 0.3, x[0] - 0.5, "x", color=RED, fontsize=12)
    return figure


def demonstration():
    """Draw the overlay of the registration of the demonstration."""
    registrar = kregzoo.load("voxelmorph_brain_t1")
    return registrar.register(*brains(), progress=False).plot("overlay")


def example(registrar, moving, fixed):
    """Draw the deformation of a pair in the first plane."""
    scene = registrar.register(moving, fixed, progress=False).scene
    scene.planes = scene.planes[:1]
    return draw(scene, "grid")


def brains():
    """Return the moving and the fixed image of the demonstration."""
    pair = demo.known_pair(*demo.read_anatomy())
    return pair.moving, pair.fixed


def slices():
    """Return the middle axial slices of the demonstration, subsampled by 2."""
    middles = [image.array[..., image.grid.shape[2] // 2] for image in brains()]
    return [np.rot90(middle)[::2, ::2] for middle in middles]


def hearts():
    """Draw a schematic heart, relaxed and contracted."""
    return drawn_heart(26.0), drawn_heart(18.0)


def generation(registrar):
    """Draw samples of deformations, and a contraction transported to another heart."""
    one, contracted = drawn_heart(26.0), drawn_heart(16.0)
    other = drawn_heart(21.0, turn=0.7)
    samples = registrar.sample(one, count=4, seed=1)
    moved = registrar.transport(one, contracted, other)
    rows = [
        [
            ("image", one),
            *((f"sample {i}", s.warped) for i, s in enumerate(samples, 1)),
        ],
        [
            ("moving", one),
            ("fixed", contracted),
            ("another image", other),
            ("transported", moved.warped),
        ],
    ]
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    for line, row in zip(figure.subplots(2, 5), rows, strict=True):
        for axes in line:
            axes.axis("off")
        for axes, (title, image) in zip(line, row, strict=False):
            array = getattr(image, "array", image)
            axes.imshow(array, cmap="gray", vmin=0, vmax=1)
            axes.set_title(title, fontsize=11)
    return figure


def drawn_heart(radius, turn=0.0, size=128):
    """Draw a schematic short-axis slice; `radius` of the left ventricle in pixels."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    away, right = np.hypot(x, y), np.hypot(x + 28, y + 4)
    image = np.full((size, size), 0.25)
    for where, value in (
        (np.hypot(x, y) > 58, 0.1),
        (right < 34, 0.8),
        (away < np.hypot(radius, 18), 0.35),
        (away < radius, 0.9),
        (np.hypot(x - radius / 2, y) < 3, 0.45),
        (np.hypot(x, y - radius / 2) < 3, 0.45),
    ):
        image[where] = value
    blurred = ops.smooth(image[None, ..., None].astype("float32"), 1.2)
    return np.array(blurred)[0, ..., 0]


def drawn_bodies(see):
    """Draw a schematic CT and a simulated image of it from another pose.

    Args:
        see: callable of a generator and a normalized `Image` that simulates the other
            modality.
    """
    body = drawn_body()
    pose = RigidMotions(3).matrix((12.0, -8.0, 10.0, 8.0, -6.0, 10.0), np.zeros(3))
    moving = Image(body.array, Grid(body.grid.shape, pose @ body.grid.affine))
    return moving, see(np.random.default_rng(0), body)


def drawn_body(size=84, spacing=4.0):
    """Draw a schematic trunk in [0, 1]: lungs, heart, spine, ribs and arms."""
    grid = Grid.centered((size,) * 3, spacing)
    x, y, z = (np.indices(grid.shape) - (size - 1) / 2) * spacing
    trunk = np.hypot(x / (150 - 0.15 * np.abs(z)), (y - 0.05 * z) / 95)
    array = np.zeros(grid.shape)
    for where, value in (
        (trunk < 1, 0.45),
        (np.hypot(np.abs(x) - 165 - 0.1 * z, y + 20) < 28, 0.45),
        ((trunk < 0.93) & (trunk > 0.88) & (np.sin(z / 5) > 0), 0.8),
        (_ellipsoid(np.abs(x) - 70, y, z - 40, 48, 62, 110), 0.1),
        (_ellipsoid(x + 15, y - 20, z - 10, 50, 40, 55), 0.55),
        (_ellipsoid(x - 60, y - 5, z + 105, 70, 60, 45), 0.5),
        (np.hypot(x, y + 60) < 18 + 2 * np.sin(z / 5), 0.9),
    ):
        array[where] = value
    blurred = ops.smooth(array[None, ..., None].astype("float32"), 0.8)
    return Image(np.array(blurred)[0, ..., 0], grid)


def _ellipsoid(x, y, z, *radii):
    return sum((a / r) ** 2 for a, r in zip((x, y, z), radii, strict=True)) < 1


# Simulated modality of the example of an agent, by system. The example is an animation.
SEEN = {"liao_agent": cone_beam_image, "ma_dueling": surface}

# Images of the example of a preset, by its training data.
PAIRS = {
    "brain_ms": brains,
    "brain_t1": brains,
    "brain_2d": slices,
    "cardiac_cine": hearts,
}


if __name__ == "__main__":
    main()
