"""An extension's manifest: read, checked field by field, with defaults.

Nothing of the JSON is trusted. Unknown fields are kept (`Manifest.unknown`) and reported (`Manifest.warnings`),
because a newer manifest must still load, and a misspelt permission must be seen.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from perdure.runtime.config.places import secret_settings
from perdure.runtime.errors import ManifestError
from perdure.runtime.guests.job_types import is_job_name
from perdure.runtime.http.hosts import host_rule
from perdure.runtime.permissions import ANY_LIBRARY, is_method_entry, library_entry
from perdure.runtime.strict_json import BadJson, parse_json

MANIFEST_FILE: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_ENTRIES: Final = 1_000
MAX_WARNINGS: Final = 100

# Ids stand in stream names, metric labels and on the command line before a colon, so they are plain.
_ID: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
MAX_ID: Final = 255  # characters that anybody has to take for one
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def is_extension_id(text: str) -> bool:
    """Whether an extension can have this id."""
    return len(text) <= MAX_ID and _ID.fullmatch(text) is not None


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how much at once: operation calls a minute, running jobs."""

    requests_per_minute: int = 1_000
    concurrent_jobs: int = 10


class ManifestPermissions(msgspec.Struct, frozen=True, kw_only=True):
    """What an extension asks for. ``methods`` and ``libraries`` are explained in `perdure.runtime.permissions`.

    ``network_access`` lists hosts, see `perdure.runtime.http.hosts`. ``max_memory_mb`` is in MiB, for each job.
    """

    methods: tuple[str, ...] = ()
    libraries: tuple[str, ...] = (ANY_LIBRARY,)
    rate_limits: RateLimits = RateLimits()
    network_access: tuple[str, ...] = ()
    max_memory_mb: int = 512


class UpgradePolicy(enum.StrEnum):
    """What becomes of an unfinished job when a new version of its extension is installed."""

    STAY = "stay"  # it goes on with the module that it was dispatched with
    CHECKPOINT = "checkpoint"  # it moves at its next checkpoint
    RESTART = "restart"  # it begins again from its first state


class JobEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest says of one job type."""

    upgrade: UpgradePolicy = UpgradePolicy.STAY


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that has been checked. ``unknown`` has the fields that this version does not know, by their path."""

    id: str
    name: str
    version: str
    wasm_file: str
    description: str = ""
    author: str = ""
    homepage: str = ""
    permissions: ManifestPermissions = ManifestPermissions()
    config_schema: dict[str, Any] | None = None
    jobs: dict[str, JobEntry] = {}
    unknown: dict[str, Any] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each unknown field and each setting that can never be set, at most `MAX_WARNINGS`."""
        lines = [f"manifest.json: the field {path} is unknown and has no effect" for path in self.unknown]
        lines += [
            f"manifest.json: {field} is a secret, which a configuration cannot hold; query:credentials.get can give it"
            for field in secret_settings(self.config_schema)
        ]
        if len(lines) > MAX_WARNINGS:
            lines[MAX_WARNINGS - 1 :] = [f"manifest.json: {len(lines) - MAX_WARNINGS + 1} more warnings"]
        return tuple(lines)


class _Fields:
    """The fields of one JSON object, taken one by one; what is left at the end is unknown."""

    def __init__(self, path: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise ManifestError(path, value, "it must be an object")
        self._path = path
        self._left: dict[str, Any] = dict(value)

    def path(self, name: str) -> str:
        shown = name if _PLAIN_KEY.fullmatch(name) else json.dumps(name)
        return f"{self._path}.{shown}" if self._path else shown

    def take(self, name: str, default: Any = msgspec.UNSET) -> Any:
        if default is msgspec.UNSET and name not in self._left:
            raise ManifestError(self.path(name), msgspec.UNSET, "the field is required")
        return self._left.pop(name, default)

    def text(self, name: str, *, longest: int, default: Any = msgspec.UNSET, lines: bool = False) -> str:
        text = self.take(name, default)
        if text is None and default is not msgspec.UNSET:
            text = default  # generators write null for an optional text that nobody filled in
        path = self.path(name)
        if not isinstance(text, str):
            raise ManifestError(path, text, "it must be a string")
        if len(text) > longest:
            raise ManifestError(path, text, f"it has {len(text)} characters, it may have at most {longest}")
        if text != default and not text.strip():
            raise ManifestError(path, text, "it must not be empty")
        # It will be shown in terminals and tables: no escape sequences, nothing that turns the direction of writing.
        printable = text.replace("\n", "").replace("\t", "") if lines else text
        if not printable.isprintable():
            raise ManifestError(path, text, "it must have printable characters only")
        return text

    def integer(self, name: str, *, most: int, default: int) -> int:
        number = self.take(name, default)
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
            raise ManifestError(self.path(name), number, f"it must be a whole number from 1 to {most}")
        return number

    def entries(
        self, name: str, *, default: tuple[str, ...], valid: Callable[[str], bool], expected: str
    ) -> tuple[str, ...]:
        if name not in self._left:
            return default
        entries = self.take(name)
        path = self.path(name)
        if not isinstance(entries, list):
            raise ManifestError(path, entries, "it must be a list")
        if len(entries) > MAX_ENTRIES:
            raise ManifestError(path, entries, f"it has {len(entries)} entries, it may have at most {MAX_ENTRIES}")
        for index, entry in enumerate(entries):
            try:
                accepted = isinstance(entry, str) and valid(entry)
            except ValueError as error:  # it knows better what is wrong with this one
                raise ManifestError(f"{path}[{index}]", entry, str(error)) from None
            if not accepted:
                raise ManifestError(f"{path}[{index}]", entry, expected)
        return tuple(entries)

    def has_object(self, name: str) -> bool:
        return isinstance(self._left.get(name), dict)

    def unknown(self) -> dict[str, Any]:
        return {self.path(name): value for name, value in self._left.items()}


def parse_manifest(data: bytes) -> Manifest:
    """The manifest that ``data``, the bytes of a ``manifest.json``, holds.

    Raises:
        ManifestError: it is no JSON object, or a field is missing or not what it must be. The first problem is named.
    """
    try:
        value = parse_json(data, max_bytes=MAX_MANIFEST_BYTES, max_depth=MAX_DEPTH)
    except BadJson as error:
        field = error.field if _PLAIN_KEY.fullmatch(error.field) or not error.field else json.dumps(error.field)
        raise ManifestError(field, error.value, error.reason) from None
    if not isinstance(value, dict):
        raise ManifestError("", value, "it must be a JSON object")
    fields = _Fields("", value)
    expected = "it must be of lowercase letters, digits, and single '-', '_' or '.' in between"
    extension = _pattern(fields, "id", _ID, expected)
    name = fields.text("name", longest=200)
    version = _pattern(fields, "version", _VERSION, "it must be of letters, digits and '.+_-', like 1.0.0")
    wasm_file = _wasm_file(fields)
    description = fields.text("description", longest=10_000, default="", lines=True)
    author = fields.text("author", longest=200, default="")
    homepage = fields.text("homepage", longest=2_000, default="")
    permissions, unknown_permissions = _permissions(fields.path("permissions"), fields.take("permissions", {}))
    schema = fields.take("config_schema", None)
    if schema is not None and not isinstance(schema, dict):
        raise ManifestError(fields.path("config_schema"), schema, "it must be an object, a JSON schema")
    jobs, unknown_jobs = _jobs(fields)
    return Manifest(
        id=extension,
        name=name,
        version=version,
        wasm_file=wasm_file,
        description=description,
        author=author,
        homepage=homepage,
        permissions=permissions,
        config_schema=schema,
        jobs=jobs,
        unknown={**fields.unknown(), **unknown_permissions, **unknown_jobs},
    )


def _pattern(fields: _Fields, name: str, pattern: re.Pattern[str], expected: str) -> str:
    text = fields.text(name, longest=64)
    if not pattern.fullmatch(text):
        raise ManifestError(fields.path(name), text, expected)
    return text


def _wasm_file(fields: _Fields) -> str:
    text = fields.text("wasm_file", longest=255).removeprefix("./")
    path = PurePosixPath(text)
    # Compared with its own normal form: no "//", no "./", no "/" at the end. Backslashes would be separators elsewhere.
    if path.is_absolute() or ".." in path.parts or str(path) != text or text == "." or "\\" in text:
        reason = "it must be a path inside the extension's folder, relative to it, without '..'"
        raise ManifestError(fields.path("wasm_file"), text, reason)
    return text


def _permissions(path: str, value: Any) -> tuple[ManifestPermissions, dict[str, Any]]:
    fields = _Fields(path, value)
    limits = _Fields(fields.path("rate_limits"), fields.take("rate_limits", {}))
    defaults, default_limits = ManifestPermissions(), RateLimits()
    permissions = ManifestPermissions(
        methods=fields.entries(
            "methods",
            default=defaults.methods,
            valid=is_method_entry,
            expected="it must be an operation like query:ai.ocr, or a beginning like query:ai. or action:* or *",
        ),
        libraries=fields.entries(
            "libraries",
            default=defaults.libraries,
            valid=lambda entry: entry == ANY_LIBRARY or library_entry(entry) is not None,
            expected="it must be the UUID of a library, or * for all",
        ),
        rate_limits=RateLimits(
            requests_per_minute=limits.integer(
                "requests_per_minute", most=1_000_000, default=default_limits.requests_per_minute
            ),
            concurrent_jobs=limits.integer("concurrent_jobs", most=10_000, default=default_limits.concurrent_jobs),
        ),
        network_access=fields.entries(
            "network_access",
            default=defaults.network_access,
            valid=_is_host,
            expected="it must be a host, like api.example.com, *.example.com, localhost:8080 or http://192.0.2.1",
        ),
        max_memory_mb=fields.integer("max_memory_mb", most=4_096, default=defaults.max_memory_mb),
    )
    return permissions, {**fields.unknown(), **limits.unknown()}


def _jobs(fields: _Fields) -> tuple[dict[str, JobEntry], dict[str, Any]]:
    """What is said of each job type, by name. Manifests of earlier releases may have had anything there."""
    if not fields.has_object("jobs"):
        return {}, {}
    path, entries = fields.path("jobs"), fields.take("jobs")
    if len(entries) > MAX_ENTRIES:
        raise ManifestError(path, entries, f"it has {len(entries)} entries, it may have at most {MAX_ENTRIES}")
    jobs: dict[str, JobEntry] = {}
    unknown: dict[str, Any] = {}
    for name, value in entries.items():
        entry = _Fields(f"{path}.{name}" if _PLAIN_KEY.fullmatch(name) else f"{path}[{json.dumps(name)}]", value)
        if not is_job_name(name):
            raise ManifestError(path, name, "it must be the name of a job type: letters, digits, '_', '.' or '-'")
        upgrade = entry.take("upgrade", UpgradePolicy.STAY.value)
        if not isinstance(upgrade, str) or upgrade not in set(UpgradePolicy):
            raise ManifestError(entry.path("upgrade"), upgrade, f"it must be one of {', '.join(UpgradePolicy)}")
        jobs[name] = JobEntry(upgrade=UpgradePolicy(upgrade))
        unknown.update(entry.unknown())
    return jobs, unknown


def _is_host(entry: str) -> bool:
    host_rule(entry)
    return True
