"""``config.get`` and ``config.set``, from the host and from a guest."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.extension_folders import write_extension
from tests.support.python_jobs import PythonJobs
from tests.support.runtime_wat import RuntimeWat

from perdure.runtime import ManifestError, OperationError, Runtime, UnknownExtension, grant_as_asked
from perdure.runtime.config.operations import MAX_CONFIG_BYTES
from perdure.store.events import HostActionAnswered, LibraryEventPublished, library_stream

HERE, THERE = UUID(int=1), UUID(int=2)
SCHEMA = {
    "type": "object",
    "properties": {
        "port": {"type": "integer", "minimum": 1, "default": 80},
        "server": {"type": "object", "properties": {"tls": {"type": "boolean", "default": True}, "host": {}}},
    },
    "additionalProperties": False,
}
GRANTED = {"methods": ["query:config.get", "action:config.set"]}
DEFAULTS = {"port": 80, "server": {"tls": True}}


def install(runtime: Runtime, folder: Path, schema: Any = SCHEMA, version: str = "1.0.0", **fields: Any) -> None:
    wat = RuntimeWat()
    wat.job("run", "(i32.const 0)")
    if schema is not None:
        fields["config_schema"] = schema
    written = write_extension(folder / "acme", wat.module(), version=version, permissions=GRANTED, **fields)
    runtime.install(written, consent=grant_as_asked)


def refused(runtime: Runtime, config: Any, **options: Any) -> OperationError:
    with pytest.raises(OperationError) as caught:
        runtime.configure("acme", config, **options)
    return caught.value


def test_defaults_hold_until_something_is_set(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path)
    found = runtime.config("acme")
    assert (found.values, found.own, found.revision) == (DEFAULTS, None, 0)
    assert (found.left_out, found.problems) == ([], [])


def test_what_is_set_holds_everywhere_and_a_library_has_its_own_on_top(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path)
    runtime.configure("acme", {"port": 8080, "server": {"host": "a"}})
    runtime.configure("acme", {"server": {"host": "b"}}, library_id=HERE)
    assert runtime.config("acme").values == {"port": 8080, "server": {"host": "a", "tls": True}}
    assert runtime.config("acme", library_id=HERE).values == {"port": 8080, "server": {"host": "b", "tls": True}}
    assert runtime.config("acme", library_id=HERE).own == {"server": {"host": "b"}}
    assert runtime.config("acme", library_id=THERE).own is None
    assert runtime.config("acme", library_id=THERE).values["server"]["host"] == "a"
    # What is set replaces what was set there before, and None forgets it.
    runtime.configure("acme", {"port": 1})
    assert runtime.config("acme").values == {"port": 1, "server": {"tls": True}}
    assert runtime.configure("acme", None).values == DEFAULTS
    assert runtime.config("acme").own is None


def test_what_is_set_is_there_after_a_restart(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        install(runtime, tmp_path)
        runtime.configure("acme", {"port": 8080})
        runtime.uninstall("acme")
        install(runtime, tmp_path)
    with Runtime.open(tmp_path / "data") as runtime:
        assert runtime.config("acme").values["port"] == 8080


def test_a_revision_guards_against_overwriting(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path)
    assert runtime.configure("acme", {"port": 1}, if_revision=0).revision == 1
    error = refused(runtime, {"port": 2}, if_revision=0)
    assert error.code == "failed"
    assert "revision 1, not at 0" in str(error)
    assert runtime.configure("acme", None, if_revision=1).revision == 2
    # A forgotten configuration is not the one that never was.
    assert refused(runtime, {"port": 2}, if_revision=0).code == "failed"
    assert runtime.config("acme", library_id=HERE).revision == 0


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"port": "80"}, "$.port"),
        ({"port": 0}, "$.port"),
        ({"prot": 80}, "$.prot"),
        ({"server": {"tls": 1}}, "$.server.tls"),
        ({"server": []}, "$.server"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_path(
    runtime: Runtime, tmp_path: Path, config: dict[str, Any], path: str
) -> None:
    install(runtime, tmp_path)
    runtime.configure("acme", {"port": 7})
    error = refused(runtime, config)
    assert error.code == "invalid_payload"
    assert f"{path}: " in error.message
    assert runtime.config("acme").values["port"] == 7


def test_what_is_too_large_or_too_deep_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path, {"type": "object"})
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    assert refused(runtime, {"a": "x" * MAX_CONFIG_BYTES}).code == "invalid_payload"
    assert refused(runtime, {"a": deep}).code == "invalid_payload"
    assert runtime.configure("acme", {"anything": {"goes": [1, None, "é"]}}).values == {
        "anything": {"goes": [1, None, "é"]}
    }


def test_without_a_schema_there_is_nothing_to_set(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path, None)
    assert runtime.config("acme").values == {}
    assert "no config_schema" in refused(runtime, {"a": 1}).message
    assert runtime.configure("acme", None).values == {}


def test_a_secret_is_refused_and_the_author_is_told(runtime: Runtime, tmp_path: Path) -> None:
    schema = {"properties": {"token": {"type": "string", "format": "password"}, "port": {"default": 1}}}
    install(runtime, tmp_path, schema)
    (warning,) = runtime.inspect("acme").warnings
    assert "config_schema.properties.token is a secret" in warning
    error = refused(runtime, {"token": "hunter2"})
    assert error.code == "invalid_payload"
    assert "$.token" in error.message
    assert "credentials" in error.message
    assert "hunter2" not in error.message
    assert runtime.config("acme").values == {"port": 1}


def test_an_unknown_extension(runtime: Runtime) -> None:
    with pytest.raises(UnknownExtension):
        runtime.config("acme")
    with pytest.raises(UnknownExtension):
        runtime.configure("acme", {})
    for name in ("acme", "a\0b", "x" * 600):
        with pytest.raises(OperationError) as caught:
            runtime.call("query:config.get", {"extension": name})
        assert caught.value.code == "not_found"
    with pytest.raises(OperationError) as caught:
        runtime.call("query:config.get", {})
    assert caught.value.code == "invalid_payload"


def test_a_schema_that_cannot_be_used_is_refused_when_it_is_installed(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        install(runtime, tmp_path, {"properties": {"port": {"type": "integr"}}})
    assert caught.value.field == "config_schema.properties.port.type"
    with pytest.raises(UnknownExtension):
        runtime.inspect("acme")


def test_after_an_update_what_fits_no_more_is_left_out(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path)
    runtime.configure("acme", {"port": 8080, "server": {"host": "a"}})
    runtime.configure("acme", {"port": 9090}, library_id=HERE)
    newer = {
        "properties": {
            "port": {"type": "string", "default": "http"},
            "server": {"type": "object", "properties": {"host": {}, "tls": {"default": False}}},
        }
    }
    install(runtime, tmp_path, newer, "2.0.0")
    found = runtime.config("acme", library_id=HERE)
    assert found.values == {"port": "http", "server": {"host": "a", "tls": False}}
    assert [problem.path for problem in found.left_out] == ["$.port", "$.port"]
    # What does not fit everywhere must not keep a library from what fits there, nor the other way round.
    runtime.configure("acme", {"port": "https"}, library_id=HERE)
    assert runtime.config("acme", library_id=HERE).values["port"] == "https"
    # Nothing is lost: the version before, installed again, has what was set for it.
    install(runtime, tmp_path, SCHEMA, "3.0.0")
    assert runtime.config("acme").values["port"] == 8080


def test_a_guest_has_its_own_configuration_in_its_library(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path)
    jobs = PythonJobs(runtime, None)
    assert jobs.call("query:config.get", {}, HERE)["values"] == DEFAULTS
    runtime.configure("acme", {"port": 8080})
    answer = jobs.call("action:config.set", {"config": {"server": {"host": "a"}}}, HERE)
    assert answer["values"] == {"port": 8080, "server": {"host": "a", "tls": True}}
    assert runtime.config("acme", library_id=HERE).own == {"server": {"host": "a"}}
    assert runtime.config("acme", library_id=THERE).own is None
    assert jobs.call("query:config.get", {"extension": "acme"}, THERE)["values"]["port"] == 8080
    for request in ({"everywhere": True}, {"extension": "other"}, {"extension": "other", "everywhere": True}):
        assert jobs.call("query:config.get", request, HERE)["code"] == "permission_denied"
        denied = jobs.call("action:config.set", {"config": {"port": 1}, **request}, HERE)
        assert denied["code"] == "permission_denied"
    assert runtime.config("acme").values["port"] == 8080
    assert jobs.call("action:config.set", {"config": {"port": "x"}}, HERE)["code"] == "invalid_payload"


def test_a_library_is_told_of_changes_and_not_of_values(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path)
    runtime.configure("acme", {"port": 8080}, library_id=HERE)
    (stored,) = runtime.store.read(library_stream(HERE))
    assert isinstance(stored.event, LibraryEventPublished)
    assert stored.event.topic == "config.changed"
    assert b"8080" not in stored.event.data.data  # type: ignore[union-attr]  # it is small, so it is in the event


def test_what_is_set_commits_with_its_outcome(runtime: Runtime, tmp_path: Path) -> None:
    install(runtime, tmp_path)
    runtime.configure("acme", {"port": 8080})
    answered = [stored.event for stored in runtime.store.read("calls")]
    (outcome,) = [event for event in answered if isinstance(event, HostActionAnswered)]
    assert outcome.method == "action:config.set"
    assert len(outcome.writes) == 1
