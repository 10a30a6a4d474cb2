"""Generate pages of the site, as a hook of MkDocs (see mkdocs.yml).

Texts and pictures of the repository keep their paths in the site, so that relative
links work.
"""

import itertools
import pathlib
import re
import sys

import griffe
from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

from kregzoo.evaluation import read_tables
from kregzoo.evaluation.preset_table import HEADINGS, preset_rows
from kregzoo.models import SYSTEMS
from kregzoo.zoo import list_models
from kregzoo.zoo.cards import markdown

ROOT = pathlib.Path(__file__).parents[1]
TEXTS = ("CHANGELOG.md", "RESULTS.md", "tutorials/*.ipynb", "zoo_weights/**/*.md")
PICTURES = ("docs/*.png", "results/*.png", "zoo_weights/*/*.png", "zoo_weights/*/*.gif")
CARD = "zoo_weights/{}/README.md"
MARK = "<!-- systems -->"


def on_files(files, config):
    """Add the generated pages, and those of presets to the navigation."""
    for path in itertools.chain.from_iterable(map(ROOT.glob, TEXTS + PICTURES)):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    sections = {title: pages for entry in config.nav for title, pages in entry.items()}
    for page in sections["Tutorials"]:
        for name, content in tutorial(page):
            files.append(File.generated(config, name, content=content))
    sections["Models"] += [CARD.format(record.name) for record in list_models()]
    package = griffe.load("kregzoo", search_paths=[ROOT])
    for page in sections["Reference"][1:]:
        name = pathlib.Path(page).stem
        text = systems_reference() if name == "models" else reference(package[name])
        files.append(File.generated(config, page, content=text))
    return files


def tutorial(page):
    """Yield name and content of a tutorial's page and of its pictures.

    The outputs come from the executed notebook of the same name.
    """
    path = (ROOT / page).with_suffix(".ipynb")
    text, found = MarkdownExporter().from_filename(
        path, resources={"unique_key": path.stem, "output_files_dir": ""}
    )
    yield page, f"{text}\n[The notebook]({path.name})\n"
    for name, content in found["outputs"].items():
        yield f"tutorials/{name}", content


def on_page_markdown(text, **_):
    """Replace the mark in a page by the tables of systems."""
    return text.replace(MARK, systems()) if MARK in text else text


def chapters():
    """Yield the title and the systems of each chapter, in the order of the survey."""
    ordered = sorted(SYSTEMS.values(), key=lambda system: system.chapter)
    for folder, members in itertools.groupby(
        ordered, lambda system: system.builder.__module__.rpartition(".")[0]
    ):
        yield sys.modules[folder].__doc__.rstrip("."), members


def location(system):
    """Return the import path of a system's builder."""
    return f"{system.builder.__module__}.{system.builder.__name__}"


def systems():
    """Write a table of the systems of each chapter and the accuracy of the presets."""
    measured = preset_rows(read_tables(ROOT))
    parts = []
    for chapter, members in chapters():
        rows = []
        for system in members:
            link = f"[{system.builder.__name__}][{location(system)}]"
            about = [f"{link}<br>{system.reference}", system.predicts]
            found = [
                [f"[{r.name}]({CARD.format(r.name)})", *row[3:]]
                for r in list_models()
                for row in measured
                if r.system == system.name and row[0] == f"`{r.name}`"
            ]
            none = ["no preset yet", *[""] * len(HEADINGS[3:])]
            rows += [[*about, *cells] for cells in found or [none]]
        heads = ["system", "predicts", "preset", *HEADINGS[3:]]
        parts += [f"## {chapter}", markdown(heads, rows)]
    return "\n\n".join(parts)


def reference(package):
    """Write the page of a package: the names it exports, by module."""
    parts = [f"# {package.path}", package.docstring.value]
    paths = package.imports.values()
    for origin, names in itertools.groupby(paths, lambda p: p.rpartition(".")[0]):
        names = list(names)
        # A module with only one name needs no heading.
        if grouped := len(names) > 1:
            docstring = package.modules_collection[origin].docstring
            parts.append(headed(docstring.value, level=2))
        parts += [documented(name, level=2 + grouped) for name in names]
    return "\n\n".join(parts)


def systems_reference():
    """Write the page of the systems: docstrings of the modules and builders."""
    parts = ["# kregzoo.models", sys.modules["kregzoo.models"].__doc__]
    for chapter, members in chapters():
        parts.append(f"## {chapter}")
        for system in members:
            docstring = sys.modules[system.builder.__module__].__doc__
            parts += [headed(docstring, level=3), documented(location(system), level=4)]
    return "\n\n".join(parts)


def headed(docstring, level):
    """Format a module's docstring, with the first line as a heading."""
    title, _, text = docstring.partition("\n")
    return f"{'#' * level} {title.rstrip('.')}\n{text}"


def documented(name, level):
    """Write the directive that mkdocstrings replaces by the documentation of a name."""
    return f"::: {name}\n    options: {{heading_level: {level}}}"


class Examples(griffe.Extension):
    """Extension that makes griffe read the docstring section `Example`."""

    def on_object(self, *, obj, **_):
        """Rename the section of an object's docstring to `Examples`."""
        if text := obj.docstring:
            text.value = re.sub("^Example:$", "Examples:", text.value, flags=re.M)
