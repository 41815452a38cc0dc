"""The third-party packages that go into a component: installed by pip, pure Python all of them, and listed.

A package with machine code cannot run in the sandbox; it is refused by name. What was bundled is kept in the project's
work folder until its requirements change.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from perdure.toolchain.builder import Say
from perdure.toolchain.errors import BuildFailed, MissingTool
from perdure.toolchain.python.settings import LOCK_FILE, PythonSettings, normal_name

BUNDLE_SECTION: Final = "perdure.bundle"
GUEST_PYTHON: Final = "3.14"  # of componentize-py 0.25
_FORMAT: Final = 1
_LIST: Final = "bundle.json"
_PACKAGES: Final = "packages"
_TIMEOUT: Final = 600  # seconds
_SAID: Final = 4000  # characters
_NATIVE: Final = (".so", ".pyd", ".dylib", ".dll", ".a")
_NO_WHEEL: Final = re.compile(r"No matching distribution found for ([^\s;]+)")
# What pip writes about the machine and the moment. The rest of a .dist-info may be asked for at import.
_MACHINE_FILES: Final = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})


class BundledPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package in the component. ``sha256`` is that of the wheel that it came from."""

    name: str
    version: str
    wheel: str
    sha256: str


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What is bundled, by name, and the folder that it is in; None if it is nothing."""

    packages: tuple[BundledPackage, ...]
    folder: Path | None

    def section(self) -> bytes:
        """The content of the section ``perdure.bundle``: JSON."""
        packages = [msgspec.structs.asdict(one) for one in self.packages]
        return json.dumps({"format": _FORMAT, "packages": packages}, separators=(",", ":")).encode()

    def lock(self) -> str:
        """A ``requirements.lock`` that brings just these."""
        return "".join(f"{one.name}=={one.version} --hash=sha256:{one.sha256}\n" for one in self.packages)


def bundle(settings: PythonSettings, work: Path, say: Say) -> Bundle:
    """The packages of a project; pip is run if its requirements are not those of the last time.

    Raises:
        MissingTool: there is no pip.
        BuildFailed: pip could not get a package, or one has machine code.
    """
    if not settings.requirements:
        return Bundle(packages=(), folder=None)
    if settings.lock is None and settings.unpinned:
        say(
            f"warning: {', '.join(settings.unpinned)}: no exact version, so a build at another time may differ; "
            f"copy {work / LOCK_FILE} beside pyproject.toml to stay with what is bundled now"
        )
    folder = work / f"bundle-{_key(settings)}"
    listed = folder / _LIST
    if not listed.is_file():
        _install(settings, folder, say)
    found = Bundle(
        packages=msgspec.json.decode(listed.read_bytes(), type=tuple[BundledPackage, ...]), folder=folder / _PACKAGES
    )
    (work / LOCK_FILE).write_text(found.lock(), encoding="utf-8")
    say(f"bundled: {', '.join(f'{one.name} {one.version}' for one in found.packages)}")
    return found


def _key(settings: PythonSettings) -> str:
    known = hashlib.sha256(f"{_FORMAT} {GUEST_PYTHON} {sys.version_info[:2]}".encode())
    known.update(json.dumps(settings.requirements).encode())
    if settings.lock is not None:
        known.update(settings.lock.read_bytes())
    return known.hexdigest()[:16]


def _install(settings: PythonSettings, folder: Path, say: Say) -> None:
    if importlib.util.find_spec("pip") is None:
        raise MissingTool("pip", f"is not there for {sys.executable}", "python3 -m ensurepip")
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _install_into(settings, unfinished, say)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for other in folder.parent.glob("bundle-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _install_into(settings: PythonSettings, unfinished: Path, say: Say) -> None:
    packages = unfinished / _PACKAGES
    packages.mkdir(parents=True)
    say(f"fetching {', '.join(settings.requirements)}")
    report = unfinished / "report.json"
    if settings.lock is not None:
        wanted = ["--require-hashes", "--no-deps", "-r", str(settings.lock)]
    else:
        wanted = list(settings.requirements)
    _pip(packages, report, wanted)
    listed = _listed(report)
    if settings.lock is not None:
        _check_lock(settings, listed)
    _clean(packages)
    (unfinished / _LIST).write_bytes(msgspec.json.encode(listed))
    report.unlink()


def _pip(packages: Path, report: Path, wanted: list[str]) -> None:
    target = (
        "--only-binary=:all:",
        "--platform=any",
        "--abi=none",
        "--implementation=py",
        f"--python-version={GUEST_PYTHON}",
    )
    quiet = ("--no-compile", "--no-input", "--disable-pip-version-check", "--no-warn-conflicts", "--quiet")
    try:
        done = subprocess.run(  # noqa: S603  # the pip of this interpreter; requirements cannot begin with "-"
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                *quiet,
                *target,
                "--target",
                str(packages),
                "--report",
                str(report),
                *wanted,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            env={**os.environ, "PIP_USER": "0"},
        )
    except subprocess.TimeoutExpired:
        raise BuildFailed("pip", "", f"did not end within {_TIMEOUT} seconds") from None
    if done.returncode == 0:
        return
    said = done.stderr.decode(errors="replace")[-_SAID:]
    if (match := _NO_WHEEL.search(said)) is not None:
        reason = (
            f"found no pure-Python wheel of {match[1]}: either there is no such version, or it has machine code, which "
            "cannot run in the sandbox; take another package, or leave that work to an operation of the host"
        )
        raise BuildFailed("pip", said, reason)
    raise BuildFailed("pip", said, "could not get the packages under [project] dependencies; what it said is above")


def _listed(report: Path) -> tuple[BundledPackage, ...]:
    found = []
    for entry in json.loads(report.read_bytes())["install"]:
        name, version = str(entry["metadata"]["name"]), str(entry["metadata"]["version"])
        wheel = str(entry["download_info"]["url"]).rpartition("/")[2].partition("#")[0]
        digest: Any = entry["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if not wheel.endswith("-none-any.whl") or not isinstance(digest, str):
            reason = (
                f"would bundle {name} {version} from {wheel or 'a folder'}, which is no pure-Python wheel; name one"
            )
            raise BuildFailed("pip", "", reason)
        found.append(BundledPackage(name=normal_name(name), version=version, wheel=wheel, sha256=digest))
    return tuple(sorted(found, key=lambda one: one.name))


def _check_lock(settings: PythonSettings, listed: tuple[BundledPackage, ...]) -> None:
    locked = {one.name for one in listed}
    for requirement in settings.requirements:
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match is not None and normal_name(match[0]) not in locked:
            raise BuildFailed(
                "pip", "", f"found nothing in {LOCK_FILE} for {requirement}; make the lock anew without it"
            )


def _clean(packages: Path) -> None:
    """Take away what a component cannot use and what differs from machine to machine; refuse machine code."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for path in sorted(packages.rglob("*")):
        if path.suffix in _NATIVE or ".so." in path.name:
            owner = path.relative_to(packages).parts[0]
            raise BuildFailed(
                "pip", "", f"got {owner} with machine code in it ({path.name}), which cannot run in the sandbox"
            )
        if path.name in _MACHINE_FILES and path.parent.suffix == ".dist-info":
            path.unlink()
    for path in sorted(packages.rglob("__pycache__")):
        shutil.rmtree(path)
