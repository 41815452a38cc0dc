"""What an author declares: an extension, its jobs, and what it does when it is loaded and unloaded."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from types import FrameType, ModuleType
from typing import Any, Concatenate, Final, Literal, TypeVar, overload

from perdure_sdk.context import ExtensionContext, JobContext
from perdure_sdk.errors import ExtensionError
from perdure_sdk.shapes import Shape, check_shape, shape_of

JobFunction = TypeVar("JobFunction", bound=Callable[Concatenate[JobContext, ...], Any])
HookFunction = TypeVar("HookFunction", bound=Callable[[ExtensionContext], None])
UpgradePolicy = Literal["stay", "checkpoint", "restart"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_ATTRIBUTE: Final = "__perdure_job__"


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """A job that an extension offers.

    Attributes:
        extension: whose it is.
        name: what it is dispatched by.
        function: what it does.
        resumable: whether it goes on from its last checkpoint; one that does not starts anew.
    """

    extension: Extension
    name: str
    function: Callable[..., Any]
    resumable: bool
    _names: Mapping[str, Any] | None = dataclasses.field(repr=False)

    @property
    def takes_state(self) -> bool:
        """Whether its function has a second parameter, for the state."""
        return len(_parameters(self.function)) == 2

    def state_type(self) -> Any:
        """The type of its state, as it is annotated; a dict if it is not.

        Raises:
            ExtensionError: the annotation cannot be understood, or is not what a state can be.
        """
        parameters = _parameters(self.function)
        if len(parameters) < 2:
            return dict
        annotation = parameters[1].annotation
        if annotation is inspect.Parameter.empty:
            return dict
        if isinstance(annotation, str):
            try:
                # The author's own code, in the author's own module: what `typing.get_type_hints` does for all of them.
                annotation = eval(annotation, self.function.__globals__, dict(self._names or {}))  # noqa: S307
            except Exception as error:  # noqa: BLE001  # an annotation may be any expression
                raise ExtensionError(f"{annotation!r} cannot be understood: {error}") from None
        if not _is_state(annotation):
            raise ExtensionError(f"its state is {annotation!r}; it must be a dataclass, a TypedDict or a dict")
        return annotation

    def shape(self) -> Shape:
        """How its state is read and written.

        Raises:
            ExtensionError: as for `state_type`, or a field has a type that JSON cannot say.
        """
        return shape_of(self.state_type(), self._names)


class Extension:
    """An extension, with all that its manifest says.

    Args:
        id: its name for machines: letters, digits, ``-`` and ``_``.
        name: its name for people.
        version: such as ``0.1.0``.
        description: what it does, in a line.
        author: who made it.
        homepage: a URL.
        methods: the operations that it wants to call: whole names, or beginnings that end in ``:``, ``.`` or ``*``.
        libraries: the libraries that it wants to work in, UUIDs; all of them if it is left out.
        requests_per_minute: how many operations it may call.
        concurrent_jobs: how many of its jobs may run at once.
        network_access: the hosts that it wants to reach by ``http.request``.
        max_memory_mb: how much memory each of its jobs may use. Python itself takes some 40 of them.
        config_schema: JSON Schema of its configuration.
        manifest_fields: other fields of the manifest, as they are to be in it.

    What is left out is left to the host.

    Raises:
        ExtensionError: one of them cannot be.
    """

    def __init__(
        self,
        id: str,
        *,
        name: str,
        version: str,
        description: str | None = None,
        author: str | None = None,
        homepage: str | None = None,
        methods: Sequence[str] = (),
        libraries: Sequence[str] | None = None,
        requests_per_minute: int | None = None,
        concurrent_jobs: int | None = None,
        network_access: Sequence[str] = (),
        max_memory_mb: int | None = None,
        config_schema: Mapping[str, Any] | None = None,
        manifest_fields: Mapping[str, Any] | None = None,
    ) -> None:
        stated: dict[str, object] = {"id": id, "name": name, "version": version}
        for what, text in stated.items():
            if not isinstance(text, str) or not text.strip():
                raise ExtensionError(f"an extension's {what} is a text, not {text!r}")
        for what, texts in (("methods", methods), ("libraries", libraries), ("network_access", network_access)):
            if isinstance(texts, str) or not all(isinstance(text, str) for text in texts or ()):
                raise ExtensionError(f"an extension's {what} is a list of texts")
        self.id = id
        self.name = name
        self.version = version
        self.description = description
        self.author = author
        self.homepage = homepage
        self.methods = tuple(methods)
        self.libraries = tuple(libraries) if libraries is not None else None
        self.requests_per_minute = requests_per_minute
        self.concurrent_jobs = concurrent_jobs
        self.network_access = tuple(network_access)
        self.max_memory_mb = max_memory_mb
        self.config_schema = config_schema
        self.manifest_fields = dict(manifest_fields or {})
        self.jobs: dict[str, Job] = {}
        self.on_init_functions: list[Callable[[ExtensionContext], None]] = []
        self.on_cleanup_functions: list[Callable[[ExtensionContext], None]] = []
        self._upgrades: dict[str, UpgradePolicy] = {}

    def __repr__(self) -> str:
        return f"Extension({self.id!r}, name={self.name!r}, version={self.version!r})"

    @overload
    def job(self, function: JobFunction, /) -> JobFunction: ...

    @overload
    def job(
        self,
        function: None = None,
        /,
        *,
        name: str | None = None,
        resumable: bool = True,
        upgrade: UpgradePolicy | None = None,
    ) -> Callable[[JobFunction], JobFunction]: ...

    def job(
        self,
        function: Any = None,
        /,
        *,
        name: str | None = None,
        resumable: bool = True,
        upgrade: UpgradePolicy | None = None,
    ) -> Any:
        """Offer a job: ``@ext.job`` or ``@ext.job(name="count", resumable=False)`` above a function.

        The function takes a `JobContext` and, if it likes, its state: a dataclass, a `typing.TypedDict` or a dict. It
        is given back as it is.

        Args:
            function: what the job does.
            name: what it is dispatched by; the function's name if it is left out.
            resumable: whether it goes on from its last checkpoint; one that does not starts anew.
            upgrade: what becomes of its unfinished jobs when a newer version is installed; see docs/abi.md, ``jobs``.

        Raises:
            ExtensionError: the name is taken or malformed, or the function is none for a job.
        """

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            self._add(function, name, resumable, upgrade, names)
            return function

        frame = sys._getframe(1)
        names = dict(frame.f_locals) if _is_local(frame) else None
        return declare if function is None else declare(function)

    def on_init(self, function: HookFunction) -> HookFunction:
        """Have a function called in each new instance, before a job begins. If it raises, the extension cannot work."""
        self.on_init_functions.append(_hook(function))
        return function

    def on_cleanup(self, function: HookFunction) -> HookFunction:
        """Have a function called when the extension is unloaded."""
        self.on_cleanup_functions.append(_hook(function))
        return function

    def manifest(self) -> dict[str, Any]:
        """The manifest without ``wasm_file``, which is the build's; what was left out is not in it."""
        limits = {"requests_per_minute": self.requests_per_minute, "concurrent_jobs": self.concurrent_jobs}
        permissions = {
            "methods": list(self.methods) or None,
            "libraries": list(self.libraries) if self.libraries is not None else None,
            "rate_limits": _said(limits) or None,
            "network_access": list(self.network_access) or None,
            "max_memory_mb": self.max_memory_mb,
        }
        fields = {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "author": self.author,
            "homepage": self.homepage,
            "permissions": _said(permissions) or None,
            "config_schema": dict(self.config_schema) if self.config_schema is not None else None,
            "jobs": {name: {"upgrade": policy} for name, policy in self._upgrades.items()} or None,
        }
        return {**_said(fields), **self.manifest_fields}

    def check(self) -> None:
        """Make sure that it can run: it has jobs, and their states have types that can be saved.

        Raises:
            ExtensionError: it cannot.
        """
        if not self.jobs:
            raise ExtensionError(f"extension {self.id} offers no job; put @ext.job above a function")
        for job in self.jobs.values():
            try:
                check_shape(job.shape())
            except ExtensionError as error:
                raise ExtensionError(f"job {job.name}: {error}") from None

    def _add(
        self,
        function: Callable[..., Any],
        name: str | None,
        resumable: bool,
        upgrade: UpgradePolicy | None,
        names: Mapping[str, Any] | None,
    ) -> None:
        if not inspect.isfunction(function):
            raise ExtensionError(f"{function!r} is no function")
        called = name if name is not None else function.__name__
        if not _NAME.fullmatch(called):
            raise ExtensionError(f"a job's name is 1 to 64 letters, digits, '_', '.' and '-', not {called!r}")
        if called in self.jobs:
            raise ExtensionError(f"there is a job {called} already")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise ExtensionError(f"job {called} is async; a job is an ordinary function, and calls wait by themselves")
        if inspect.isgeneratorfunction(function):
            raise ExtensionError(f"job {called} has a yield in it; a job is an ordinary function")
        _parameters(function)
        if upgrade is not None:
            self._upgrades[called] = upgrade
        job = Job(self, called, function, resumable, names)
        self.jobs[called] = job
        setattr(function, _ATTRIBUTE, job)


def job_of(function: Callable[..., Any]) -> Job:
    """The job that a function was declared as.

    Raises:
        ExtensionError: it was not.
    """
    job = getattr(function, _ATTRIBUTE, None)
    if not isinstance(job, Job):
        raise ExtensionError(f"{function!r} is no job; put @ext.job above it")
    return job


def extension_in(module: ModuleType) -> Extension:
    """The one extension that a module has at its top level.

    Raises:
        ExtensionError: there is none, or more than one.
    """
    found = {id(value): value for value in vars(module).values() if isinstance(value, Extension)}
    if len(found) != 1:
        ids = ", ".join(extension.id for extension in found.values()) or "none"
        raise ExtensionError(f"{module.__name__} must have one Extension(…) at its top level; it has {ids}")
    return next(iter(found.values()))


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not 1 <= len(parameters) <= 2 or any(one.kind not in positional for one in parameters):
        raise ExtensionError(
            f"job {function.__name__}: it must be (ctx: JobContext) or (ctx: JobContext, state: State)"
        )
    return parameters


def _is_state(kind: Any) -> bool:
    if kind is Any or dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        return True
    return (typing.get_origin(kind) or kind) is dict


def _is_local(frame: FrameType) -> bool:
    return frame.f_locals is not frame.f_globals and frame.f_code.co_name != "<module>"


def _hook(function: Callable[[ExtensionContext], None]) -> Callable[[ExtensionContext], None]:
    if inspect.iscoroutinefunction(function):
        raise ExtensionError(f"{function!r} is no function (ctx: ExtensionContext)")
    return function


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
