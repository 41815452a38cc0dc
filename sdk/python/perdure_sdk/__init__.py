"""Write extensions of perdure in Python.

    ext = Extension("test-extension", name="Test Extension", version="0.1.0")

    @ext.job
    def counter(ctx: JobContext, state: CounterState) -> None: ...

It runs inside a component, and under CPython 3.11 and later for tests (`perdure_sdk.testing`). Nothing in it needs
another package.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure_sdk.client import Client
    from perdure_sdk.context import LEVELS, ExtensionContext, JobContext
    from perdure_sdk.errors import (
        CallError,
        CheckpointRefused,
        ExtensionError,
        Interrupted,
        InvalidPayload,
        LibraryDenied,
        NotFound,
        NotInSandbox,
        OperationFailed,
        PerdureError,
        PermissionDenied,
        RateLimited,
        StateError,
        Unavailable,
        UnknownMethod,
    )
    from perdure_sdk.extension import Extension, Job, extension_in
    from perdure_sdk.host import Level
    from perdure_sdk.paging import pages

__all__ = [
    "LEVELS",
    "CallError",
    "CheckpointRefused",
    "Client",
    "Extension",
    "ExtensionContext",
    "ExtensionError",
    "Interrupted",
    "InvalidPayload",
    "Job",
    "JobContext",
    "Level",
    "LibraryDenied",
    "NotFound",
    "NotInSandbox",
    "OperationFailed",
    "PerdureError",
    "PermissionDenied",
    "RateLimited",
    "StateError",
    "Unavailable",
    "UnknownMethod",
    "extension_in",
    "pages",
]

# pytest imports this package at each of its starts, for `perdure_sdk.pytest_plugin`; what is not asked for can wait.
_MODULES = {
    "client": "Client",
    "context": "LEVELS ExtensionContext JobContext",
    "errors": (
        "CallError CheckpointRefused ExtensionError Interrupted InvalidPayload LibraryDenied NotFound NotInSandbox"
        " OperationFailed PerdureError PermissionDenied RateLimited StateError Unavailable UnknownMethod"
    ),
    "extension": "Extension Job extension_in",
    "host": "Level",
    "paging": "pages",
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names.split():
            import importlib  # noqa: PLC0415  # see above

            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
