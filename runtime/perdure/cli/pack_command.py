"""``perdure pack``: an extension as one signed file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from perdure.cli.build_check import check_build, check_extension
from perdure.cli.invocation import Invocation
from perdure.cli.package_view import files_text, package_json
from perdure.cli.publisher_commands import say_new, user_name
from perdure.cli.publisher_key_file import KeyOption, own_key_path, publisher_key_path
from perdure.cli.terminal_text import printable
from perdure.runtime.extension_folder import read_extension
from perdure.runtime.manifest import MANIFEST_FILE, Manifest
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.packages.package_reader import SUFFIX
from perdure.runtime.packages.package_writer import write_package
from perdure.runtime.packages.publisher_key import PublisherKey, new_key, read_key, write_key
from perdure.runtime.packages.statement import is_publisher_name
from perdure.toolchain import build as build_project
from perdure.toolchain import project_around, project_in
from perdure.toolchain.errors import BuildFailed

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="[DIR]",
        help="An extension's folder, or a project, which is built first; else this folder, or the project around it.",
    ),
]
PackageFile = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help=f"The package; else ID-VERSION{SUFFIX}."),
]


class _Packable(msgspec.Struct, frozen=True):
    """What is packed: an extension's ``folder``, what may go along from ``beside``, and where the package goes."""

    folder: Path
    manifest: Manifest
    beside: Path | None
    target: Path


def pack(invocation: Invocation, folder: Source = None, output: PackageFile = None, key: KeyOption = None) -> None:
    """Make one signed file of an extension, which 'perdure extensions install' takes.

    With it go the files of people: README.md, LICENSE, CHANGELOG.md, icon.png and their like. The first time a
    publisher's key is made; a host that has installed a package takes later ones from the same publisher only.
    """
    packable = _packable(invocation, Path(folder) if folder is not None else None)
    signer = _signer(invocation, key, packable.manifest)
    target = Path(output) if output is not None else packable.target
    if output is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    made = write_package(packable.folder, target, signer, beside=packable.beside)
    if invocation.json:
        invocation.output.json({**package_json(made), "file": str(target)})
        return
    invocation.output.show(
        printable(
            f"{target}: {made.manifest.id} {made.manifest.version}, {files_text(made)}, "
            f"signed by {signer.name}, {fingerprint(signer.public)}"
        )
    )


def _packable(invocation: Invocation, folder: Path | None) -> _Packable:
    """The extension to pack, which this host takes; a project is built for it."""
    place = folder if folder is not None else Path()
    if (place / MANIFEST_FILE).exists():
        package = read_extension(place)
        for warning in check_extension(package):
            invocation.output.say(f"warning: {printable(warning)}")
        return _Packable(place, package.manifest, None, Path(_file_name(package.manifest)))
    project = project_in(folder) if folder is not None else project_around(place)
    try:
        built = build_project(project, lambda text: None if invocation.json else invocation.say_lines(text))
    except BuildFailed as error:
        invocation.say_lines(error.said.rstrip())
        raise
    checked_build = check_build(built)
    for warning in checked_build.warnings:
        invocation.output.say(f"warning: {printable(warning)}")
    manifest = checked_build.package.manifest
    return _Packable(built.folder, manifest, project.folder, project.folder / "dist" / _file_name(manifest))


def _file_name(manifest: Manifest) -> str:
    return f"{manifest.id}-{manifest.version}{SUFFIX}"


def _signer(invocation: Invocation, option: str | None, manifest: Manifest) -> PublisherKey:
    """The key to sign with; this user's own is made if it is not there."""
    path = publisher_key_path(option)
    if path != own_key_path() or path.exists():
        return read_key(path)
    name = manifest.author if is_publisher_name(manifest.author) else user_name()
    made = new_key(name)
    write_key(made, path)
    say_new(invocation, made, path)
    return made
