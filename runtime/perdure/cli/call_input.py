"""The input of an operation, as the command line says it: JSON as a whole, or field by field."""

from __future__ import annotations

import base64
import getpass
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.terminal_text import shortened
from perdure.runtime.operations.schemas import is_secret, resolved

_ANY: Final[dict[str, Any]] = {}


def read_input(words: list[str]) -> bytes | dict[str, str]:
    """The whole input as JSON, or its fields as they were written. Standard input and files are read.

    Raises:
        CommandError: the words are neither, or a file cannot be read.
    """
    if not words:
        return {}
    if len(words) == 1 and (words[0] == "-" or words[0][:1] in ("@", "{", "[")):
        return _whole(words[0])
    fields: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise CommandError(
                f"{shortened(word, 40)!r} is no input; it must be JSON, @FILE, - for standard input, or NAME=VALUE",
                ExitCode.USAGE,
            )
        if name in fields:
            raise CommandError(f"{shortened(name, 40)!r} is given twice", ExitCode.USAGE)
        fields[name] = text
    return fields


def _whole(word: str) -> bytes:
    if word == "-":
        return sys.stdin.buffer.read()
    if word.startswith("@"):
        return _file(word[1:])
    return word.encode(errors="surrogateescape")  # as the shell gave it; what is no UTF-8 is refused later


def _file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"@{path}: {error.strerror or error}", ExitCode.USAGE) from error


def request_of(fields: dict[str, str], schema: dict[str, Any]) -> dict[str, Any]:
    """The input that the fields say, each as its type in the operation's schema wants it.

    Raises:
        CommandError: a value cannot be what it must be, or a file cannot be read.
    """
    properties = schema.get("properties", {})
    return {name: _value(name, text, properties.get(name, _ANY), schema) for name, text in fields.items()}


def _value(name: str, text: str, part: dict[str, Any], root: dict[str, Any]) -> Any:
    kinds = _kinds(part, root)
    if text.startswith("@@"):
        text = text[1:]
    elif text.startswith("@"):
        data = _file(text[1:])
        if _is_base64(part, root):
            return base64.b64encode(data).decode()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise CommandError(f"{name}: {text} is no UTF-8 text", ExitCode.USAGE) from None
    if kinds - {"null"} == {"string"}:
        return text
    try:
        return msgspec.json.decode(text.encode(errors="surrogateescape"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if not kinds or "string" in kinds:
            return text
    expected = " or ".join(sorted(kinds))
    raise CommandError(f"{name} must be {expected}, and {shortened(text, 40)!r} is not", ExitCode.USAGE)


def _kinds(part: dict[str, Any], root: dict[str, Any]) -> set[str]:
    """The types that a value may have, in the words of JSON Schema; empty for all."""
    part = resolved(part, root)
    choices = [*part.get("anyOf", ()), *part.get("oneOf", ())]
    if choices:
        return set().union(*(_kinds(choice, root) for choice in choices))
    if "enum" in part:
        return {"string" if isinstance(value, str) else "null" if value is None else "number" for value in part["enum"]}
    kind = part.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def _is_base64(part: dict[str, Any], root: dict[str, Any]) -> bool:
    part = resolved(part, root)
    choices = [*part.get("anyOf", ()), *part.get("oneOf", ())]
    return part.get("contentEncoding") == "base64" or any(_is_base64(choice, root) for choice in choices)


def secrets_in_arguments(fields: dict[str, str], schema: dict[str, Any]) -> list[str]:
    """The fields whose secret values stood on the command line."""
    properties = schema.get("properties", {})
    return [
        name
        for name, text in fields.items()
        if is_secret(properties.get(name, _ANY), schema) and (not text.startswith("@") or text.startswith("@@"))
    ]


def ask_for_secrets(request: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """``request`` with the required secret texts that it lacks, asked for at the terminal without showing them."""
    asked = {
        name: getpass.getpass(f"{name}: ")
        for name in schema.get("required", ())
        if name not in request
        and is_secret(part := schema["properties"][name], schema)
        and _kinds(part, schema) == {"string"}
    }
    return {**request, **asked}
