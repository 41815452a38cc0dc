"""What perdure needs at run time may be used by anybody: licences are checked, and listed in docs/licences.md."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
EXTRAS = ("python-guest", "c-guest", "authoring")
ALLOWED = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|OpenLDAP|OLDAP|LLVM|MPL", re.IGNORECASE)


def licence(name: str) -> str:
    """The SPDX expression if the distribution has one, else the first line of its older ``License`` field."""
    meta = distribution(name).metadata
    for field in ("License-Expression", "License"):
        if field in meta and meta[field].strip():
            return meta[field].strip().splitlines()[0]
    classifiers = [entry.rpartition(" :: ")[2] for entry in meta.get_all("Classifier") or []]
    return next((entry for entry in classifiers if "icense" in entry), None) or licence_in_file(name)


def licence_in_file(name: str) -> str:
    """The title of the licence's text, where the metadata only has that."""
    files = [file for file in distribution(name).files or [] if file.name == "LICENSE"]
    text = files[0].read_text().split() if files else []
    return "Apache-2.0" if text[:4] == ["Apache", "License", "Version", "2.0,"] else "unknown"


def needed() -> dict[str, str]:
    """All that is needed to run extensions, or to make them."""
    found: dict[str, str] = {}
    waiting = ["perdure"]
    while waiting:
        name = waiting.pop()
        for line in distribution(name).requires or []:
            requirement = Requirement(line)
            extras = EXTRAS if name == "perdure" else ("",)
            if requirement.marker is not None and not any(
                requirement.marker.evaluate({"extra": one}) for one in extras
            ):
                continue
            key = requirement.name.lower().replace("_", "-")
            if key not in found:
                found[key] = licence(key)
                waiting.append(key)
    return found


def test_every_dependency_may_be_used_freely() -> None:
    assert {name: text for name, text in needed().items() if not ALLOWED.search(text)} == {}


def test_the_list_in_the_docs_is_complete() -> None:
    page = (ROOT / "docs" / "licences.md").read_text()
    assert [name for name in needed() if f"| {name} |" not in page] == []
