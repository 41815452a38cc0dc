"""Clear errors for what a sandbox has not.

Without WASI, each of these would end the job with a trap that says nothing, or, worse, answer with what was true when
the component was built. Clocks and randomness are refused also while the component is built, but to Python's own
modules: what they would give would be a constant in every job. Files may be read then: what is read is built in.
"""

from __future__ import annotations

import builtins
import datetime as dt
import importlib.machinery
import io
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from types import FrameType, ModuleType
from typing import Any, Final, NoReturn

from perdure_sdk.errors import NotInSandbox

_CLOCK: Final = "use ctx.now(), which is recorded"
_RANDOM: Final = "use ctx.random or ctx.uuid4(), which are recorded"
_FILES: Final = (
    "a job has no files; keep what it needs in its state or in ctx.vdfs, or read it when the module is imported"
)
_NETWORK: Final = "a job has no network; use ctx.http"

_FILE_FUNCTIONS: Final = (
    "access chdir chmod chown close closerange copy_file_range dup dup2 fchmod fchown fdatasync fdopen fstat fstatvfs"
    " fsync ftruncate isatty lchmod lchown link listdir lockf lseek lstat mkdir mkfifo mknod open pathconf pipe"
    " posix_fadvise posix_fallocate pread preadv pwrite pwritev read readlink readv remove rename replace rmdir scandir"
    " sendfile stat statvfs symlink sync truncate unlink utime write writev"
)
_CLOCK_FUNCTIONS: Final = (
    "clock_getres clock_gettime clock_gettime_ns clock_settime clock_settime_ns get_clock_info monotonic monotonic_ns"
    " perf_counter perf_counter_ns process_time process_time_ns thread_time thread_time_ns time time_ns"
)


class Guards:
    """What is put in front of Python's own functions, once, in a component.

    Attributes:
        running: False while the component is built, True in a job.
    """

    def __init__(self) -> None:
        self.running = False

    def arm(self) -> None:
        """Put the guards up; called before the author's modules are imported."""
        self._clocks()
        self._dates()
        self._randomness()
        self._files()

    def seal(self) -> None:
        """Guard what a job must not reach for; called when all modules are imported."""
        self._network()
        importers = (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)
        sys.meta_path[:] = [*importers, _NothingMore()]
        sys.path_importer_cache.clear()
        self.running = True

    # --- one concern each --------------------------------------------------------------------------------------------

    def _clocks(self) -> None:
        for name in _CLOCK_FUNCTIONS.split():
            if hasattr(time, name):
                setattr(time, name, self._outside(getattr(time, name), f"time.{name}()", _CLOCK))
        # With a time given they look at no clock.
        for name, arguments in (("gmtime", 1), ("localtime", 1), ("ctime", 1), ("asctime", 1), ("strftime", 2)):
            real = getattr(time, name)
            setattr(time, name, self._outside(real, f"time.{name}()", _CLOCK, enough=arguments))
        time.sleep = self._outside(
            time.sleep, "time.sleep()", "a job cannot sleep; end it and have it dispatched later"
        )

    def _dates(self) -> None:
        refuse = self._refusal

        class _Known(type):
            """Times that Python's own functions make are times, too."""

            def __instancecheck__(cls, value: object) -> bool:
                return isinstance(value, cls.__mro__[1]) if cls in ours else super().__instancecheck__(value)

            def __subclasscheck__(cls, kind: type) -> bool:
                return issubclass(kind, cls.__mro__[1]) if cls in ours else super().__subclasscheck__(kind)

        class date(dt.date, metaclass=_Known):  # noqa: N801  # it takes this name's place
            """`datetime.date`, without today."""

            @classmethod
            def today(cls) -> NoReturn:
                refuse("date.today()", _CLOCK)

        class datetime(dt.datetime, metaclass=_Known):  # noqa: N801  # as above
            """`datetime.datetime`, without now."""

            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> NoReturn:
                refuse("datetime.now()", _CLOCK)

            @classmethod
            def utcnow(cls) -> NoReturn:
                refuse("datetime.utcnow()", _CLOCK)

            @classmethod
            def today(cls) -> NoReturn:
                refuse("datetime.today()", _CLOCK)

        ours: tuple[type, ...] = (date, datetime)
        for kind in ours:
            kind.__module__, kind.__qualname__ = "datetime", kind.__name__
            setattr(dt, kind.__name__, kind)

    def _randomness(self) -> None:
        refuse = self._refusal
        os.urandom = random._urandom = self._outside(os.urandom, "os.urandom()", _RANDOM)  # type: ignore[attr-defined]
        for name in ("uuid1", "uuid4", "uuid6", "uuid7"):
            if hasattr(uuid, name):
                setattr(uuid, name, self._outside(getattr(uuid, name), f"uuid.{name}()", _RANDOM))
        real = random.Random

        class Random(real):  # type: ignore[misc, valid-type]  # it takes this name's place
            """`random.Random`, with a seed of the caller's."""

            def __new__(cls, *arguments: Any, **named: Any) -> Any:
                if (arguments[0] if arguments else named.get("x")) is None:
                    refuse("random.Random()", "use ctx.random, or give it a seed of your own")
                # The seed goes to __init__, too, which does it again: here it only keeps the system's out.
                return super().__new__(cls, 0)

            def seed(self, a: Any = None, version: int = 2) -> None:
                if a is None:
                    refuse("random.seed()", "give it a seed of your own")
                super().seed(a, version)

        class Unseeded(real):  # type: ignore[misc, valid-type]
            """What is behind the functions of `random`: they draw once a seed was given."""

            def __new__(cls) -> Any:
                return super().__new__(cls, 0)

            def __init__(self) -> None:
                self.seeded = False
                super().__init__(0)
                self.seeded = False

            def seed(self, a: Any = None, version: int = 2) -> None:
                if a is None:
                    refuse("random.seed()", "give it a seed of your own")
                super().seed(a, version)
                self.seeded = True

            def random(self) -> float:
                if not self.seeded:
                    refuse("random.random()", _RANDOM)
                return float(super().random())

            def getrandbits(self, k: int, /) -> int:
                if not self.seeded:
                    refuse("the module random", _RANDOM)
                return int(super().getrandbits(k))

        class SystemRandom(random.SystemRandom):
            """`random.SystemRandom`, which asks `os.urandom`, and so is refused there."""

            def __new__(cls, *arguments: Any, **named: Any) -> Any:
                return real.__new__(cls, 0)  # type: ignore[call-arg]  # it takes the seed, to keep the system's out

        for kind in (Random, SystemRandom):
            kind.__module__, kind.__qualname__ = "random", kind.__name__
        random.SystemRandom = SystemRandom  # type: ignore[misc]
        shared = Unseeded()
        for name in [name for name in vars(random) if isinstance(getattr(vars(random)[name], "__self__", None), real)]:
            setattr(random, name, getattr(shared, name))
        random._inst = shared
        random.Random = Random  # type: ignore[misc]

    def _files(self) -> None:
        for name in _FILE_FUNCTIONS.split():
            if hasattr(os, name):
                setattr(os, name, self._file(getattr(os, name), f"os.{name}()"))
        builtins.open = io.open = self._file(io.open, "open()")
        # What looks for the source of a module, such as a traceback of one of Python's own.
        loader = importlib.machinery.SourceFileLoader
        loader.get_data = self._file(loader.get_data, "the source of a module")  # type: ignore[method-assign]
        builtins.compile = self._compiling(builtins.compile)
        builtins.input = self._file(builtins.input, "input()")

    def _compiling(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """`compile`: for the message of a syntax error it opens the file, whatever its name, and that is a trap.

        A name that cannot be encoded keeps it from that. Tracebacks parse parts of lines, so this happens to everybody.
        """

        def compile(source: Any, filename: Any, mode: str, *arguments: Any, **named: Any) -> Any:
            if self.running and mode == "exec" and isinstance(source, str | bytes) and isinstance(filename, str):
                try:
                    real(source, f"{filename}\ud800", mode, *arguments, **named)
                except SyntaxError as error:
                    error.filename = filename
                    raise
            return real(source, filename, mode, *arguments, **named)

        return compile

    def _network(self) -> None:
        for name in ("socket", "_socket"):
            module = sys.modules.get(name)
            for function in (
                "socket",
                "create_connection",
                "getaddrinfo",
                "gethostbyname",
                "gethostname",
                "socketpair",
            ):
                if module is not None and hasattr(module, function):
                    setattr(module, function, _Refusing(f"socket.{function}()", _NETWORK))
        module = sys.modules.get("subprocess")
        if module is not None:
            vars(module)["Popen"] = _Refusing("subprocess.Popen()", "a job cannot start processes")

    # --- refusing ----------------------------------------------------------------------------------------------------

    def _outside(self, real: Callable[..., Any], what: str, instead: str, *, enough: int = 0) -> Callable[..., Any]:
        """A function that answers nobody but Python's own modules, at build time, or who brings his own arguments."""

        def guarded(*arguments: Any, **named: Any) -> Any:
            if enough and len(arguments) >= enough and arguments[enough - 1] is not None:
                return real(*arguments, **named)
            if self.running or not _is_pythons_own_import():
                self._refusal(what, instead)
            return real(*arguments, **named)

        guarded.__name__ = guarded.__qualname__ = what.rpartition(".")[2].removesuffix("()")
        return guarded

    def _file(self, real: Callable[..., Any], what: str) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            if self.running:
                self._refusal(what, _FILES)
            return real(*arguments, **named)

        guarded.__name__ = guarded.__qualname__ = what.rpartition(".")[2].removesuffix("()")
        return guarded

    def _refusal(self, what: str, instead: str) -> NoReturn:
        when = "" if self.running else " while the component is built: it would be the same in every job"
        raise NotInSandbox(f"{what} is not in the sandbox{when}; {instead}")


class _Refusing:
    """In the place of a function or a class."""

    def __init__(self, what: str, instead: str) -> None:
        self._message = f"{what} is not in the sandbox; {instead}"

    def __call__(self, *arguments: Any, **named: Any) -> NoReturn:
        raise NotInSandbox(self._message)


class _NothingMore:
    """The last finder: what was not imported while the component was built is not in it."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        raise ModuleNotFoundError(
            f"{name} is not in the component: a job has the modules that were imported while it was built; import it at"
            " the top of a module, and list its package in pyproject.toml",
            name=name,
        )


def is_pythons_own(file: str) -> bool:
    """Whether a file is one of Python's own modules."""
    return file.startswith((*_LIBRARY, "<frozen "))


def _is_pythons_own_import() -> bool:
    """Whether a guarded function was called by a module of Python's own that is being imported."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib"):
            return True
        if not file.startswith(_LIBRARY):
            return False
        frame = frame.f_back
    return False


# Where the interpreter of a component says that `os` is, which is built into it, is not where the others are.
_LIBRARY: Final = tuple({f"{os.path.dirname(file)}/" for file in (os.__file__, os.path.dirname(json.__file__))})  # noqa: PTH120  # prefixes of texts
