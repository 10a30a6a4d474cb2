"""Persons and groups of cases, from the records of a data set."""

import re


def subjects_of(record, *paths):
    """Find the persons and the group of a case.

    Without `"person"` in the record, every file name stands for a person. Without
    `"group"`, the group is the code of the person without its number, as in
    `"control-07"`.

    Args:
        record: dict. A record of a `dataset.json`, see `kregzoo.training.read_dataset`.
        *paths: paths of the images that the case is made of.

    Returns:
        Dict of `persons`, a tuple of str, and `group`, a str that is empty if the
        record has neither a group nor a person with such a code.

    Example:
        >>> subjects_of({"person": "control-07"})
        {'persons': ('control-07',), 'group': 'control'}
        >>> from pathlib import Path
        >>> subjects_of({}, Path("a.nii.gz"), Path("b.nii.gz"))
        {'persons': ('a', 'b'), 'group': ''}
    """
    if "person" in record:
        persons = (str(record["person"]),)
        numbered = re.fullmatch(r"(.*?)[^a-zA-Z]*\d+", persons[0])
        group = numbered[1] if numbered else ""
    else:
        persons, group = tuple(dict.fromkeys(map(stem, paths))), ""
    return {"persons": persons, "group": record.get("group", group)}


def stem(path):
    """Return a file's name without its endings."""
    return path.name.split(".")[0]
