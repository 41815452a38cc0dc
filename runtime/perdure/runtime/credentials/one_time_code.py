"""Codes that are valid for some seconds: TOTP (RFC 6238) over HOTP (RFC 4226), and what their seeds come in. Pure.

The URIs are those of https://github.com/google/google-authenticator/wiki/Key-Uri-Format.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

_ALGORITHMS: Final = {"SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"}
_PARAMETERS: Final = frozenset({"secret", "issuer", "algorithm", "digits", "period"})
_IGNORED: Final = frozenset({"image", "color", "icon", "lock"})  # what some apps add for their screens
_MAX_PERIOD: Final = 86_400  # seconds


class BadSeed(ValueError):
    """No codes can be made with it; whoever stored it is to blame. The text never has any of the seed."""


class CodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a code is made of. ``period`` is in seconds."""

    secret: bytes
    algorithm: str = "sha1"
    digits: int = 6
    period: int = 30

    def __repr__(self) -> str:
        return "CodeSettings(…)"


class OneTimeCode(msgspec.Struct, frozen=True):
    """A code, and for how many milliseconds more it is valid."""

    code: str
    valid_for_ms: int

    def __repr__(self) -> str:
        return "OneTimeCode(…)"


def parse_seed(text: str) -> CodeSettings:
    """The settings of an ``otpauth://totp/`` URI, or of a seed in base32, in any case and with spaces or hyphens.

    Raises:
        BadSeed: it is neither, or says something twice, or something that is not known.
    """
    if ":" not in text:
        return CodeSettings(secret=_secret(text))
    try:
        uri = urlsplit(text)
        pairs = parse_qsl(uri.query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise BadSeed("the URI cannot be read") from None
    if uri.scheme.lower() != "otpauth":
        raise BadSeed("it is neither base32 nor an otpauth:// URI")
    if uri.netloc.lower() != "totp":
        raise BadSeed("only codes that go by time are made: otpauth://totp/")
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise BadSeed("the URI says something twice")
        given[name] = value
    if given.keys() - _PARAMETERS - _IGNORED:
        raise BadSeed("the URI has a parameter that is not known")
    algorithm = _ALGORITHMS.get(given.get("algorithm", "SHA1").upper())
    if algorithm is None:
        raise BadSeed("algorithm: it must be SHA1, SHA256 or SHA512")
    return CodeSettings(
        secret=_secret(given.get("secret", "")),
        algorithm=algorithm,
        digits=_number("digits", given.get("digits", "6"), 6, 8),
        period=_number("period", given.get("period", "30"), 1, _MAX_PERIOD),
    )


def one_time_code(settings: CodeSettings, time_ms: int) -> OneTimeCode:
    """The code at a time, in milliseconds since 1970."""
    period = settings.period * 1000
    code = _hotp(settings, time_ms // period)
    return OneTimeCode(code, period - time_ms % period)


def _hotp(settings: CodeSettings, counter: int) -> str:
    """RFC 4226, 5.3: dynamic truncation."""
    digest = hmac.digest(settings.secret, counter.to_bytes(8), settings.algorithm)
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4]) & 0x7FFF_FFFF
    return str(number % 10**settings.digits).zfill(settings.digits)


def _secret(text: str) -> bytes:
    plain = text.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except (binascii.Error, ValueError):
        raise BadSeed("the seed is no base32") from None
    if not secret:
        raise BadSeed("there is no seed")
    return secret


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9 and least <= int(text) <= most):
        raise BadSeed(f"{name}: it must be a number from {least} to {most:,}")
    return int(text)
