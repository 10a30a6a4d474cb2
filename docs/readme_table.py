"""Writes the README's table of presets from their metadata.

`python docs/readme_table.py` rewrites it; a test compares the two.
"""

import pathlib

import kregzoo

README = pathlib.Path(__file__).parents[1] / "README.md"
START, END = "<!-- presets -->\n", "<!-- end of presets -->"
METHODS = ("affine alone", "one pass", "refine=50", "ANTs SyN")


def table():
    """The table as Markdown: one row a preset, with its held-out figures."""
    heads = ["preset", "section", "predicts", "data", "licence", "Dice, held out"]
    heads += ["folds in %", "seconds a pair"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for record in kregzoo.list_models():
        cells = [
            f"`{record.name}`",
            record.chapter,
            record.transform,
            record.data.partition(" (")[0],
            record.licence.partition(";")[0],
            *(
                _cell(record.figures, name)
                for name in ("dice", "folded_percent", "seconds")
            ),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def updated(text):
    """The README's text with the table between its two marks made anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{table()}{END}{after}"


def _cell(figures, name):
    found = [(m, figures.get(f"{name} {m}")) for m in METHODS]
    found = [f"{method} {value}" for method, value in found if value is not None]
    return "<br>".join(found) or "not measured"


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
