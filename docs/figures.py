"""Draws the README's pictures: `python docs/figures.py`."""

import pathlib

import numpy as np
from matplotlib.figure import Figure

import kregzoo
from kregzoo import demo, ops

FOLDER = pathlib.Path(__file__).parent
BLUE, RED, GREY = "#2f6f9f", "#c0563b", "#9aa3ab"


def main():
    """Draws every picture into the folder of this file."""
    direction().savefig(FOLDER / "direction.png", dpi=110)
    demonstration().savefig(FOLDER / "demonstration.png", dpi=80)


def direction():
    """A fixed voxel, the arrow of its displacement, and where the value comes from."""
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
        axes.grid(color=GREY, linewidth=0.5)
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
    """The overlay of the demonstration's registration."""
    pair = demo.known_pair(*demo.read_anatomy())
    registrar = kregzoo.load("voxelmorph_brain_t1")
    result = registrar.register(pair.moving, pair.fixed, progress=False)
    return result.plot("overlay")


if __name__ == "__main__":
    main()
