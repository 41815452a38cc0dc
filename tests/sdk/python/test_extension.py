"""What an author declares, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from typing import Any, TypedDict

import pytest

from perdure.runtime.manifest import parse_manifest
from perdure_sdk import Extension, ExtensionContext, ExtensionError, JobContext, extension_in
from perdure_sdk.extension import job_of


@pytest.fixture
def ext() -> Extension:
    return Extension("acme", name="Acme", version="1.0")


def test_the_manifest_says_what_was_said_and_no_more(ext: Extension) -> None:
    assert ext.manifest() == {"id": "acme", "name": "Acme", "version": "1.0"}


def test_the_manifest_says_everything() -> None:
    ext = Extension(
        "acme",
        name="Acme",
        version="1.0",
        description="What it does",
        author="Somebody",
        homepage="https://example.com",
        methods=["query:vdfs."],
        libraries=["*"],
        requests_per_minute=10,
        concurrent_jobs=2,
        network_access=["api.example.com"],
        max_memory_mb=256,
        config_schema={"type": "object"},
        manifest_fields={"x-note": 1},
    )

    @ext.job(name="sort", upgrade="checkpoint")
    def sort_all(ctx: JobContext) -> None: ...

    assert ext.manifest() == {
        "id": "acme",
        "name": "Acme",
        "version": "1.0",
        "description": "What it does",
        "author": "Somebody",
        "homepage": "https://example.com",
        "permissions": {
            "methods": ["query:vdfs."],
            "libraries": ["*"],
            "rate_limits": {"requests_per_minute": 10, "concurrent_jobs": 2},
            "network_access": ["api.example.com"],
            "max_memory_mb": 256,
        },
        "config_schema": {"type": "object"},
        "jobs": {"sort": {"upgrade": "checkpoint"}},
        "x-note": 1,
    }


def test_the_host_takes_the_manifest() -> None:
    ext = Extension("acme", name="Acme", version="1.0", methods=["query:vdfs."], libraries=[], max_memory_mb=64)
    import json

    manifest = parse_manifest(json.dumps({**ext.manifest(), "wasm_file": "acme.wasm"}).encode())
    assert manifest.permissions.methods == ("query:vdfs.",)
    assert manifest.permissions.libraries == ()


@pytest.mark.parametrize(
    "wrong",
    [{"id": ""}, {"name": " "}, {"version": 1}, {"methods": "query:vdfs."}, {"network_access": [1]}],
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ExtensionError, match=next(iter(wrong))):
        Extension(**{"id": "acme", "name": "Acme", "version": "1.0", **wrong})


def test_a_job_is_the_function_that_it_was(ext: Extension) -> None:
    def work(ctx: JobContext) -> None: ...

    assert ext.job(work) is work
    assert job_of(work).name == "work"
    assert list(ext.jobs) == ["work"]


def _refused_functions() -> list[tuple[Callable[..., Any], str]]:
    def no_parameter() -> None: ...

    def three(ctx: JobContext, state: dict[str, Any], more: int) -> None: ...

    def named(ctx: JobContext, *, state: dict[str, Any]) -> None: ...

    async def waits(ctx: JobContext) -> None: ...

    def yields(ctx: JobContext) -> Any:
        yield

    return [
        (no_parameter, "must be"),
        (three, "must be"),
        (named, "must be"),
        (waits, "async"),
        (yields, "yield"),
        (len, "is no function"),
    ]


@pytest.mark.parametrize(("function", "message"), _refused_functions())
def test_what_is_no_job_is_refused(ext: Extension, function: Callable[..., Any], message: str) -> None:
    with pytest.raises(ExtensionError, match=message):
        ext.job(function)


@pytest.mark.parametrize("name", ["", "a:b", "a b", ".a", "x" * 65, "ä"])
def test_a_name_that_no_job_can_have_is_refused(ext: Extension, name: str) -> None:
    with pytest.raises(ExtensionError, match="name"):
        ext.job(name=name)(_work)


def _work(ctx: JobContext) -> None: ...


def test_two_jobs_have_two_names(ext: Extension) -> None:
    ext.job(_work)
    with pytest.raises(ExtensionError, match="already"):
        ext.job(_work)


def test_states_are_checked_before_anything_runs(ext: Extension) -> None:
    @dataclasses.dataclass
    class Fine:
        count: int = 0

    class Typed(TypedDict):
        count: int

    @ext.job
    def one(ctx: JobContext, state: Fine) -> None: ...

    @ext.job
    def two(ctx: JobContext, state: Typed) -> None: ...

    @ext.job
    def three(ctx: JobContext, state: dict[str, int]) -> None: ...

    @ext.job
    def four(ctx: JobContext, state) -> None: ...  # type: ignore[no-untyped-def]  # as some write

    ext.check()
    assert ext.jobs["one"].state_type() is Fine  # a class inside of a function, too

    @ext.job
    def five(ctx: JobContext, state: list[int]) -> None: ...

    with pytest.raises(ExtensionError, match="job five: its state is"):
        ext.check()


def test_a_field_of_no_use_is_found_at_once(ext: Extension) -> None:
    @dataclasses.dataclass
    class Bad:
        seen: set[int] = dataclasses.field(default_factory=set)

    @ext.job
    def work(ctx: JobContext, state: Bad) -> None: ...

    with pytest.raises(ExtensionError, match=r"Bad\.seen"):
        ext.check()


def test_an_annotation_that_means_nothing_is_named(ext: Extension) -> None:
    def work(ctx: JobContext, state: Any) -> None: ...

    work.__annotations__["state"] = "Nowhere"
    ext.job(work)
    with pytest.raises(ExtensionError, match="'Nowhere' cannot be understood"):
        ext.check()


def test_an_extension_has_jobs(ext: Extension) -> None:
    with pytest.raises(ExtensionError, match="offers no job"):
        ext.check()


def test_the_one_extension_of_a_module(ext: Extension) -> None:
    module = types.ModuleType("acme")
    with pytest.raises(ExtensionError, match="it has none"):
        extension_in(module)
    module.__dict__.update(ext=ext, same=ext)
    assert extension_in(module) is ext
    module.__dict__["other"] = Extension("other", name="Other", version="1")
    with pytest.raises(ExtensionError, match="acme, other"):
        extension_in(module)


def test_hooks_are_functions(ext: Extension) -> None:
    async def later(ctx: ExtensionContext) -> None: ...

    with pytest.raises(ExtensionError, match="is no function"):
        ext.on_init(later)  # type: ignore[type-var]  # that is the point
