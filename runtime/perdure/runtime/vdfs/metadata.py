"""Metadata of an entry: a JSON object of bounded size and depth, changed by merge patches. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from perdure.runtime.vdfs.errors import BadMetadata

MAX_METADATA_BYTES: Final = 64 * 1024
MAX_METADATA_DEPTH: Final = 32


def encoded_metadata(metadata: dict[str, Any]) -> bytes:
    """The metadata as it is stored: JSON, its fields in order, so that equal objects are equal bytes.

    Raises:
        BadMetadata: it is nested too deep, too large, or JSON cannot say it.
    """
    _check(metadata)
    try:
        data = msgspec.json.encode(metadata, order="sorted")
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise BadMetadata(f"metadata: JSON cannot say it: {error}") from None
    if len(data) > MAX_METADATA_BYTES:
        raise BadMetadata(f"metadata: it has {len(data)} bytes as JSON, it may have {MAX_METADATA_BYTES}")
    return data


def decoded_metadata(data: bytes) -> dict[str, Any]:
    """What `encoded_metadata` stored."""
    return msgspec.json.decode(data, type=dict[str, Any])


def patched(metadata: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The metadata after a JSON merge patch (RFC 7396): objects are merged, null removes, all else replaces.

    Raises:
        BadMetadata: the patch is nested too deep, or has too large a number.
    """
    _check(patch)
    return _merged(metadata, patch)


def _merged(target: object, patch: dict[str, Any]) -> dict[str, Any]:
    # The depth of the patch is bounded by now, so is the recursion.
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = _merged(merged.get(name), value)
        else:
            merged[name] = value
    return merged


def _check(value: object) -> None:
    level = [value]
    for depth in range(MAX_METADATA_DEPTH + 1):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict | list) and depth == MAX_METADATA_DEPTH:
                raise BadMetadata(f"metadata: it is nested more than {MAX_METADATA_DEPTH} deep")
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, int) and not -(2**63) <= item < 2**64:
                raise BadMetadata("metadata: it has a number beyond 64 bits")
        level = inner
