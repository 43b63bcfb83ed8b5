# SPDX-License-Identifier: GPL-2.0-only
"""Changes that change nothing which can be seen: script/mutate.equivalent."""
import sys

from mutations import SOURCE, changes_of, line_of, lines_of

LIST = "script/mutate.equivalent"
FIELDS = ("file", "was", "is", "why")


def entries():
    """Each entry's fields, with the line of the list that it begins in."""
    entry, began = {}, 0
    for number, line in enumerate((SOURCE / LIST).read_text().split("\n") + [""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            field, _, text = line.partition(":")
            if field not in FIELDS or field in entry or not text.strip():
                sys.exit(f"{LIST}:{number}: not a field of an entry, or there twice: {line}")
            began = number if not entry else began
            entry[field] = text.strip()
        elif entry:
            missing = [field for field in FIELDS if field not in entry]
            if missing:
                sys.exit(f"{LIST}:{began}: the entry has no line '{missing[0]}:'")
            yield began, entry
            entry = {}


def equivalents():
    """The reason of each change that is listed. A line that the sources do not have once is an
    error: the list is to go with the code, and to excuse nothing else."""
    reasons = {}
    for number, entry in entries():
        file = SOURCE / entry["file"]
        changes = changes_of(entry["file"]) if file.is_file() else []
        meant = [c for c in changes if lines_of(c) == (entry["was"], entry["is"])]
        places = {line_of(change) for change in meant}  # a constant may be a result as well
        if len(places) != 1:
            sys.exit(f"{LIST}:{number}: {entry['file']} has {len(places)} places for the change "
                     f"of '{entry['was']}' to '{entry['is']}'")
        reasons.update((change, entry["why"]) for change in meant)
    return reasons
