"""Builds a project and installs what was built, each on a thread of its own, while the job goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from perdure.cli.build_check import uncovered, unknown, unused
from perdure.cli.consent_prompt import who
from perdure.cli.dev.loop import NotBuilt, Say, WasBuilt, WasInstalled
from perdure.cli.error_codes import error_line, exit_code
from perdure.cli.terminal_text import duration, printable, size
from perdure.runtime import ExtensionInfo, Runtime, UpgradePolicy
from perdure.runtime.consent import ConsentRequest
from perdure.runtime.extension_folder import read_extension
from perdure.runtime.grants import Grant
from perdure.runtime.upgrades import ANY_JOB
from perdure.toolchain import Built
from perdure.toolchain.errors import BuildFailed, MissingTool

_SMALL: Final = 1 << 20  # bytes; what is smaller is compiled before anybody could read a word about it
_LONG: Final = 1.0  # seconds
_KEPT: Final = 4  # modules whose machine code is kept: a component's is 38 MB, and every save makes one
_PATIENCE: Final = 2.0  # seconds that the end waits for a compiler
_Outcome = WasBuilt | NotBuilt | WasInstalled
Told = Callable[[Say | _Outcome], None]


class Builds(Protocol):
    """Builds the project as it is now."""

    def __call__(self, say: Callable[[str], None]) -> Built:
        """Build it; ``say`` gets lines for the person who waits. Raises `ToolchainError`."""


class Workbench:
    """One thing at a time: a build, or an install.

    Args:
        runtime: where to install.
        build: see `Builds`.
        told: called on the threads, with what is to be said and what has come of it.
    """

    def __init__(self, runtime: Runtime, build: Builds, told: Told) -> None:
        self._runtime = runtime
        self._build = build
        self._told = told
        self._thread: threading.Thread | None = None
        self._allowed: Grant | None = None  # as last said
        self._warned: frozenset[str] = frozenset()
        self.built: Built | None = None
        self.info: ExtensionInfo | None = None

    def build(self) -> None:
        """Begin to build; ends with `WasBuilt` or `NotBuilt`."""
        self._begin(self._built)

    @property
    def install_stage(self) -> str:
        """What an install of what was built last is, for people: compiling takes some 0.5 s a megabyte."""
        count = self.built.wasm_bytes if self.built is not None else 0
        return f"installing: {size(count)} of WebAssembly are compiled, once" if count > _SMALL else "installing"

    def install(self, folder: Path) -> None:
        """Begin to install what was built; ends with `WasInstalled` or `NotBuilt`."""
        self._begin(lambda: self._installed(folder))

    def join(self) -> None:
        """Wait until nothing is done any more, but not for ever: what is left of a build is files that nobody reads."""
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _begin(self, work: Callable[[], _Outcome]) -> None:
        def run() -> None:
            try:
                outcome = work()
            except Exception as error:  # noqa: BLE001  # whatever it is, the person has to hear of it
                outcome = _failure(error)
            self._told(outcome)

        self._thread = threading.Thread(target=run, name="perdure-dev-work", daemon=True)
        self._thread.start()

    def _say(self, text: str) -> None:
        self._told(Say(text))

    def _built(self) -> WasBuilt:
        built = self._build(lambda said: self._told(Say("", said=said)))
        self.built = built
        package = read_extension(built.folder)
        asked = package.manifest.permissions
        missing = ", ".join(f'"{name}"' for name in uncovered(built.calls, asked))
        denied = (
            [f"the code calls what will be denied; add to the methods of its permissions: {missing}"] if missing else []
        )
        self._warn([*denied, *package.warnings, *unused(built.calls, asked), *unknown(built.calls)])
        name = f"{package.manifest.id} {package.manifest.version}"
        self._say(f"built {printable(name)} in {duration(built.seconds)}, {size(built.wasm_bytes)}")
        return WasBuilt(built.folder)

    def _warn(self, warnings: list[str]) -> None:
        """Each once, until it is gone and comes back."""
        for warning in warnings:
            if warning not in self._warned:
                self._say(f"warning: {printable(warning)}")
        self._warned = frozenset(warnings)

    def _installed(self, folder: Path) -> WasInstalled:
        began = time.monotonic()
        info = self._runtime.install(
            folder, consent=self._allow, by=who(), upgrade={ANY_JOB: str(UpgradePolicy.CHECKPOINT)}
        )
        self.info = self._runtime.load(info.extension)  # its job types are known then
        self._runtime.trim_machine_code(_KEPT)
        if (seconds := time.monotonic() - began) >= _LONG:
            self._say(f"installed in {duration(seconds)}")
        return WasInstalled(info.module)

    def _allow(self, request: ConsentRequest) -> Grant:
        """The author allows what the author asks for; it is said, once for each thing that is asked for."""
        grant = request.as_asked()
        if grant != self._allowed:
            self._allowed = grant
            what = [*grant.methods, *grant.hosts]
            if what:
                self._say(f"allowed, because you are its author: {printable(', '.join(what))}")
        return grant


def _failure(error: Exception) -> NotBuilt:
    text, code = error_line(error), exit_code(error)
    if isinstance(error, BuildFailed):
        return NotBuilt(text, code, said=error.said)
    return NotBuilt(text, code, fatal=isinstance(error, MissingTool))
