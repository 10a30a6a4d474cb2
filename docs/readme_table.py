"""Copy the table of presets from RESULTS.md to the README.

Run `python docs/readme_table.py`. A test compares the two.
"""

import pathlib

from kregzoo.evaluation.results import BEGIN, END

ROOT = pathlib.Path(__file__).parents[1]


def updated(text):
    """Replace the table between the two marks of a text by that of RESULTS.md."""
    results = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
    table = results.partition(BEGIN)[2].partition(END)[0]
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table}{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(updated(readme.read_text(encoding="utf-8")), encoding="utf-8")
