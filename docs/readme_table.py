"""Cuts the README's table of presets out of RESULTS.md.

`python docs/readme_table.py` rewrites it; a test compares the two.
"""

import pathlib

from kregzoo.evaluation.results import BEGIN, END

ROOT = pathlib.Path(__file__).parents[1]


def updated(text):
    """The README's text with the table between its two marks that RESULTS.md has."""
    results = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
    table = results.partition(BEGIN)[2].partition(END)[0]
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table}{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(updated(readme.read_text(encoding="utf-8")), encoding="utf-8")
