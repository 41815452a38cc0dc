"""The folder that a component is made of: the author's code, perdure_sdk, the entry, and the bundled packages.

What is copied is the same wherever and whenever it is copied: files in order, no byte code, no tests, no hidden files.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.toolchain.errors import BuildFailed, InvalidProject
from perdure.toolchain.project import Project
from perdure.toolchain.python.settings import PythonSettings

ENTRY: Final = "perdure_entry"
APP: Final = "app"  # the author's code, perdure_sdk and the entry
PACKAGES: Final = "packages"  # the bundled ones
FAILURE: Final = "perdure-failure.txt"  # in APP: what the entry says of a failure

_MAX_BYTES: Final = 64 * 1024 * 1024
_LEFT_OUT: Final = frozenset({"__pycache__", "tests", "test", "build", "dist", "venv", "env", "node_modules"})
_LEFT_OUT_FILES: Final = frozenset({"conftest.py", "setup.py", "noxfile.py", "tasks.py"})

# Imported while the component is made; perdure_sdk.component comes first, it says why. A failure is written down in the
# folder, so that it need not be found in what the tool says.
_ENTRY_TEXT: Final = """\
try:
    from perdure_sdk.component import world
    from perdure_sdk import extension_in
    import {module} as _module

    WitWorld = world(extension_in(_module))
except BaseException as error:
    import traceback

    text = "".join(traceback.format_exception(error))
    try:
        from perdure_sdk.tracebacks import traceback_of

        text = traceback_of(error)
    finally:
        with open("/0/{failure}", "w", encoding="utf-8") as file:
            file.write(text)
    raise
"""


def stage(project: Project, settings: PythonSettings, packages: Path | None, folder: Path) -> None:
    """Make the folder: ``app`` and ``packages`` in it. Only what can be imported from the author's source is copied.

    Raises:
        InvalidProject: it is too much, or has links that lead out of the project.
        FileNotFoundError: perdure's own SDK is missing.
    """
    app = folder / APP
    app.mkdir()
    budget = _MAX_BYTES
    for path in _importable(settings.source, settings.module):
        for file in _files(path):
            if not file.resolve().is_relative_to(project.folder.resolve()):
                raise InvalidProject(project.file, "tool.perdure", f"{file} is a link that leads out of the project")
            budget -= file.stat().st_size
            if budget < 0:
                reason = (
                    f"the source in {settings.source} has more than {_MAX_BYTES // 2**20} MiB; set tool.perdure.source"
                )
                raise InvalidProject(project.file, "tool.perdure", reason)
            _copy(file, app / file.relative_to(settings.source))
    sdk = sdk_source()
    for file in _files(sdk):
        _copy(file, app / sdk.name / file.relative_to(sdk))
    entry = _ENTRY_TEXT.format(module=settings.module, failure=FAILURE)
    (app / f"{ENTRY}.py").write_text(entry, encoding="utf-8")
    target = folder / PACKAGES
    target.mkdir()
    if packages is not None:
        for file in _all_files(packages):
            _copy(file, target / file.relative_to(packages))


def staged_sources(folder: Path) -> Iterator[tuple[str, Path, bool]]:
    """The Python files of a staged folder but for our own: name, path, and whether the author wrote it."""
    for part, own in ((APP, True), (PACKAGES, False)):
        for file in _all_files(folder / part):
            name = file.relative_to(folder / part).as_posix()
            if file.suffix == ".py" and not name.startswith(("perdure_sdk/", f"{ENTRY}.py")):
                yield name, file, own


def digest(folder: Path, *also: bytes) -> str:
    """A SHA-256 of everything staged, and of ``also``."""
    found = hashlib.sha256()
    for one in also:
        found.update(len(one).to_bytes(8, "big") + one)
    for file in _all_files(folder):
        for one in (file.relative_to(folder).as_posix().encode(), file.read_bytes()):
            found.update(len(one).to_bytes(8, "big") + one)
    return found.hexdigest()


def sdk_source() -> Path:
    """The folder of ``perdure_sdk``.

    Raises:
        BuildFailed: it is not installed.
    """
    spec = importlib.util.find_spec("perdure_sdk")
    if spec is None or spec.origin is None:
        raise BuildFailed("perdure", "", "was installed without its perdure_sdk; install perdure again")
    return Path(spec.origin).parent


def _importable(source: Path, module: str) -> Iterator[Path]:
    """Modules and packages at the top of a source folder; ``module``'s own whatever its name looks like."""
    own = module.partition(".")[0]
    for path in sorted(source.iterdir()):
        if path.name == f"{own}.py":
            yield path
            continue
        if path.name != own and (path.name.startswith(".") or path.name in _LEFT_OUT | _LEFT_OUT_FILES):
            continue
        if path.is_dir() and (path / "__init__.py").is_file():
            if path.name != "perdure_sdk":
                yield path
        elif path.suffix == ".py" and path.stem.isidentifier() and not path.name.startswith("test_"):
            yield path


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for inner in sorted(path.iterdir()):
        hidden = inner.name.startswith(".") or inner.suffix in (".pyc", ".pyo")
        if not hidden and inner.name not in ("__pycache__", "tests"):
            yield from _files(inner)


def _all_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
