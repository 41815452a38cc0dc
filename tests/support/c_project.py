"""The example's counter as a project of its own, which a test may edit while `perdure dev` runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.support.command_line import ROOT

EXAMPLE = ROOT / "examples" / "counter"
SOURCES = ("counter.c", "heap.c", "json.c")
MARK = "was only an example of a record with a warning"  # what the job warns of, every `warn_every` records
LOOP = "while (state.current < state.target) {"
ENDLESS = {"target": 10**9, "work": 200, "warn_every": 1000, "checkpoint_every": 100}


class CProject:
    """A project in ``folder``, which need not be there yet."""

    def __init__(self, folder: Path, permissions: dict[str, Any] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*SOURCES, "abi.h", "json.h"):
            shutil.copy(EXAMPLE / name, folder / name)
        (folder / "perdure.toml").write_text(f'language = "c"\nsources = {json.dumps(list(SOURCES))}\n')
        self.source = folder / "counter.c"
        manifest = json.dumps(
            {"id": "counter", "name": "Counter", "version": "0.1.0", "permissions": permissions or {}}
        )
        text = json.dumps(json.dumps(manifest))[1:-1]  # once for the assembler, once for C
        section = '.section .custom_section.perdure.manifest,\\"\\",@\\n'
        with self.source.open("a") as file:
            file.write(f'\n__asm__("{section}.ascii {text}\\n.text\\n");\n')

    def edit(self, old: str, new: str) -> None:
        """Save the source with a change, as most editors do: a new file in the place of the old one."""
        text = self.source.read_text()
        assert old in text
        beside = self.folder / ".counter.c.new"
        beside.write_text(text.replace(old, new))
        beside.replace(self.source)
