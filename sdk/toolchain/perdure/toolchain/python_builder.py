"""Builds projects in Python: their code, perdure_sdk and the packages that they want, as one component.

The component has all of it as memory, taken when everything was imported: that is what componentize-py does. A build of
what was built last gives the same file again, without that work.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.toolchain.builder import Say
from perdure.toolchain.calls import Calls
from perdure.toolchain.errors import BuildFailed
from perdure.toolchain.project import Language, Project
from perdure.toolchain.python.author_module import stated_by
from perdure.toolchain.python.bundle import BUNDLE_SECTION, Bundle, bundle
from perdure.toolchain.python.code_reading import Reading, read_code
from perdure.toolchain.python.componentize import componentize, componentize_tool, wit_text
from perdure.toolchain.python.fixed_world import FixedWorld, fixed_world
from perdure.toolchain.python.settings import python_settings
from perdure.toolchain.python.staging import digest, stage, staged_sources
from perdure.toolchain.tools import Tool, package_tool
from perdure.toolchain.wasm_sections import MANIFEST_SECTION, with_section

_WORK: Final = "python"
_COMPONENT: Final = "component-"  # the last one, without manifest and bundle; its name says what it was made of
_STAGED: Final = "staged-"
_LEFTOVER_SECONDS: Final = 3600
_HINTS_OF_CALLS: Final = ("perdure_sdk", "query:", "action:")  # bundled packages without them are not parsed


class PythonBuilder:
    """The `Builder` of projects in Python."""

    language = Language.PYTHON

    def tools(self) -> tuple[Tool, ...]:
        """What it needs; without ziglang, and any other C compiler, bytes differ from build to build."""
        return (componentize_tool(), package_tool("ziglang", "python-guest"))

    def build(self, project: Project, output: Path, say: Say) -> None:
        """Make the component."""
        tool = componentize_tool().require()
        settings = python_settings(project)
        work = project.work / _WORK
        work.mkdir(parents=True, exist_ok=True)
        _sweep(work)
        packages = bundle(settings, work, say)
        folder = Path(tempfile.mkdtemp(prefix=_STAGED, dir=work))
        try:
            stage(project, settings, packages.folder, folder)
            manifest = stated_by(settings.module, folder)
            _advise(folder, say)
            world = fixed_world(work)
            _warn(world, say)
            component = _component(folder, work, tool, world, say)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        output.write_bytes(_with_sections(component, manifest, packages))

    def calls(self, project: Project, wasm: bytes) -> Calls:
        """The operations that the author's files call by a name in them, or through the SDK's clients.

        Those of bundled packages count too.
        """
        settings = python_settings(project)
        work = project.work / _WORK
        work.mkdir(parents=True, exist_ok=True)
        packages = bundle(settings, work, lambda line: None)  # as they are there since the build
        folder = Path(tempfile.mkdtemp(prefix=_STAGED, dir=work))
        try:
            stage(project, settings, packages.folder, folder)
            readings = [reading for _, reading in _readings(folder)]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        places = tuple(place for reading in readings for place in reading.dynamic)
        names = sorted(frozenset().union(*(reading.names for reading in readings)))
        return Calls(names=tuple(names), dynamic=len(places), places=places)


def _component(folder: Path, work: Path, tool: Tool, world: FixedWorld, say: Say) -> bytes:
    """The component of a staged folder: the last one's if it was made of the same."""
    library = world.library.name if world.library is not None else ""
    made_of = digest(folder, wit_text(), tool.version.encode(), library.encode())
    kept = work / f"{_COMPONENT}{made_of}.wasm"
    if kept.is_file():
        say("nothing has changed since the last build")
        return kept.read_bytes()
    say(f"making a component with componentize-py {tool.version}, which takes 10 seconds or more")
    componentize(folder, kept, world, say)
    for other in work.glob(f"{_COMPONENT}*"):
        if other != kept:
            other.unlink(missing_ok=True)
    return kept.read_bytes()


def _with_sections(component: bytes, manifest: dict[str, object], packages: Bundle) -> bytes:
    text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
    whole = with_section(component, MANIFEST_SECTION, text.encode())
    return with_section(whole, BUNDLE_SECTION, packages.section()) if packages.packages else whole


def _readings(folder: Path) -> Iterator[tuple[bool, Reading]]:
    from perdure_sdk.clients import CALLS  # noqa: PLC0415  # read when a project in Python is built, and only then

    for name, file, own in staged_sources(folder):
        text = file.read_text(encoding="utf-8", errors="replace")
        if own or any(word in text for word in _HINTS_OF_CALLS):
            yield own, read_code(name, text, CALLS)


def _advise(folder: Path, say: Say) -> None:
    """Say what the author's own code uses that the sandbox has not."""
    own = [reading for own, reading in _readings(folder) if own]
    if missing := [line for reading in own for line in reading.missing]:
        raise BuildFailed("Python", "\n".join(missing), "could not import that in the sandbox; see above")
    for line in (line for reading in own for line in reading.useless):
        say(f"warning: {line}")


def _warn(world: FixedWorld, say: Say) -> None:
    if world.library is None:
        say(f"warning: another build of the same sources will have other bytes: {world.problem}")


def _sweep(work: Path) -> None:
    """Delete what builds that were killed have left."""
    for path in work.glob(f"{_STAGED}*"):
        if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
