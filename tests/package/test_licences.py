"""What perdure needs at run time may be used by anybody: licences are checked, and listed in docs/licences.md."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
EXTRAS = ("python-guest", "c-guest", "authoring", "ocr", "ai", "mail", "media", "server", "graphql", "otel")
ALLOWED = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|OpenLDAP|OLDAP|LLVM|MPL|LGPL", re.IGNORECASE)


def licence(name: str) -> str:
    """The SPDX expression if the distribution has one, else the first line of its older ``License`` field."""
    meta = distribution(name).metadata
    for field in ("License-Expression", "License"):
        text = (meta[field] or "").strip().splitlines() if field in meta else []
        if len(text) == 1:  # some have the whole text there, which begins with a name
            return str(text[0])
    classifiers = [entry.rpartition(" :: ")[2] for entry in meta.get_all("Classifier") or []]
    return next((entry for entry in classifiers if "icense" in entry), None) or licence_in_file(name)


def licence_in_file(name: str) -> str:
    """Which licence the text is, where the metadata only has that."""
    files = [file for file in distribution(name).files or [] if file.name in ("LICENSE", "COPYING")]
    text = " ".join(files[0].read_text().split()) if files else ""
    if text.startswith("Apache License Version 2.0,"):
        return "Apache-2.0"
    # BSD's own words; with the third clause or without.
    return (
        "BSD"
        if "Redistribution and use in source and binary forms, with or without modification," in text
        else "unknown"
    )


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


def test_what_the_benchmarks_need_may_be_used_freely() -> None:
    # Most of it is not installed here, so the docs' word is taken for it.
    page = (ROOT / "docs" / "licences.md").read_text()
    listed = dict(re.findall(r"^\| (\S+) \| (.+) \|$", page, re.MULTILINE))
    named = [
        requirement.name
        for requirement in map(Requirement, distribution("perdure").requires or [])
        if requirement.marker is not None and requirement.marker.evaluate({"extra": "bench"})
    ]
    assert {"dbos", "matplotlib"} <= set(named)
    assert [name for name in named if not ALLOWED.search(listed.get(name, "not listed"))] == []


def test_the_list_in_the_docs_is_complete() -> None:
    page = (ROOT / "docs" / "licences.md").read_text()
    assert [name for name in needed() if f"| {name} |" not in page] == []
