"""``perdure new``: a project of an extension."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from perdure.cli.invocation import Invocation
from perdure.toolchain.new import NewProject, create_project
from perdure.toolchain.project import LANGUAGE_NAMES, Language

Name = Annotated[str, typer.Argument(metavar="NAME", help="The extension's id: lowercase letters, digits, '-'.")]
Lang = Annotated[
    Language, typer.Option("--lang", metavar="python|rust|c|zig", help="The language.", show_choices=False)
]
Place = Annotated[str | None, typer.Option("--dir", metavar="DIR", help="The new folder; else NAME, in this one.")]


def new(invocation: Invocation, name: Name, lang: Lang = Language.PYTHON, place: Place = None) -> None:
    """Make a project for an extension: a job that counts, with a test. It builds, and the test passes, at once."""
    made = create_project(name, lang, Path(place if place is not None else name))
    if invocation.json:
        invocation.output.json(
            {
                "extension": name,
                "language": made.language,
                "folder": str(made.folder.absolute()),
                "files": list(made.files),
                "copied": list(made.copied),
                "next": next_commands(made),
            }
        )
        return
    show = invocation.output.show
    show(
        Text.assemble(
            ("made ", "green"), (str(made.folder), "bold"), f", an extension in {LANGUAGE_NAMES[made.language]}:"
        )
    )
    for file in (*made.files, *(f"{folder}/" for folder in made.copied)):
        show(Text(f"  {file}"))
    show(Text("next:", "bold"))
    for command in next_commands(made):
        show(Text(f"  {command}"))


def next_commands(made: NewProject) -> list[str]:
    """What a person types next."""
    return [f"cd {shlex.quote(str(made.folder))}", made.test, "perdure dev"]
