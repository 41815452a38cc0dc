"""A package, and who signed an extension, as people and programs see it."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.table import Table

from perdure.cli.terminal_text import counted, local_time, printable, size
from perdure.runtime.consent import Signer
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.packages.package_reader import PackageContents
from perdure.runtime.packages.pinning import Trust
from perdure.store.export import timestamp
from perdure.store.extension_state import ExtensionState


def package_json(contents: PackageContents) -> dict[str, Any]:
    """A package as a JSON object."""
    said, manifest = contents.statement, contents.manifest
    return {
        "extension": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "author": manifest.author,
        "homepage": manifest.homepage,
        "permissions": msgspec.to_builtins(manifest.permissions),
        "package": contents.sha256,
        "bytes": contents.size,
        "files": [{"path": file.path, "bytes": file.size, "sha256": file.sha256} for file in said.files],
        "signed_by": {
            "name": said.name,
            "fingerprint": fingerprint(said.key),
            "key": said.key.hex(),
            "earlier": [fingerprint(key) for key in said.earlier],
        },
        "warnings": list(manifest.warnings),
    }


def package_table(contents: PackageContents) -> Table:
    """What is in a package, and who signed it."""
    said, manifest = contents.statement, contents.manifest
    permissions = manifest.permissions
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("extension", f"{manifest.id} {manifest.version}")
    grid.add_row("name", printable(manifest.name))
    for name in ("description", "author", "homepage"):
        if value := getattr(manifest, name):
            grid.add_row(name, printable(value))
    grid.add_row("operations", ", ".join(map(printable, permissions.methods)) or "none")
    grid.add_row("network", ", ".join(map(printable, permissions.network_access)) or "none")
    grid.add_row("signed by", f"{printable(said.name)}, {fingerprint(said.key)}")
    if said.earlier:
        grid.add_row("whose key", f"follows {', '.join(map(fingerprint, said.earlier))}")
    for file in said.files:
        grid.add_row("file", f"{printable(file.path)}, {size(file.size)}, SHA-256 {file.sha256}")
    grid.add_row("package", f"{size(contents.size)}, SHA-256 {contents.sha256}")
    for warning in manifest.warnings:
        grid.add_row("warning", printable(warning))
    return grid


def publisher_json(state: ExtensionState) -> dict[str, Any]:
    """Who has to sign an extension's versions (``publisher``), and who signed the installed one (``signed_by``)."""
    pinned, made = state.publisher, state.provenance
    publisher = signed_by = None
    if pinned is not None:
        publisher = {
            "name": pinned.name,
            "fingerprint": fingerprint(pinned.key),
            "key": pinned.key.hex(),
            "pinned_at": timestamp(pinned.pinned_at),
            "pinned_by": pinned.by,
        }
    if made is not None and made.key:
        signed_by = {
            "name": made.name,
            "fingerprint": fingerprint(made.key),
            "key": made.key.hex(),
            "package": made.package,
        }
    return {"publisher": publisher, "signed_by": signed_by}


def publisher_text(state: ExtensionState) -> str:
    """The same in a line; empty for an extension that nobody ever signed."""
    pinned, made = state.publisher, state.provenance
    signed = made is not None and bool(made.key)
    if pinned is None:
        return f"{printable(made.name)}, {fingerprint(made.key)}; not pinned" if made is not None and signed else ""
    text = f"{printable(pinned.name)}, {fingerprint(pinned.key)}, pinned {local_time(pinned.pinned_at)[:19]}"
    return text if signed else f"{text}; this version is not signed"


def signer_text(signer: Signer) -> str:
    """What a person is told of who signed a version before they agree to it."""
    name, words = printable(signer.name), signer.fingerprint
    match signer.trust:
        case Trust.FIRST:
            return f"signed by {name}, for the first time here; compare with what they publish: {words}"
        case Trust.SAME:
            return f"signed by {name} ({words}), as before"
        case Trust.ENDORSED:
            return f"signed by {name} with a new key ({words}), which the one before signed ({signer.pinned})"
        case Trust.ACCEPTED:
            return f"signed by {name} ({words}), whom you accept in the place of {signer.pinned}"
        case _:
            return f"not signed, unlike versions before, which {signer.pinned} signed"


def files_text(contents: PackageContents) -> str:
    """How much is in a package."""
    return f"{counted(len(contents.statement.files), 'file')}, {size(contents.size)}"
