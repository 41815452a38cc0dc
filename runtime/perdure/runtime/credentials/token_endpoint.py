"""The token endpoint of OAuth 2.0: the request for a new token (RFC 6749, 6) and what is made of its answer. Pure.

Nothing of an answer but its error's code, if it is one that the RFC knows, is ever repeated: the rest is the server's.
"""

from __future__ import annotations

import base64
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.credential import OAuth2

MAX_ANSWER_BYTES: Final = 256 * 1024

# What another try does not change; the message is for the extension's user.
_REFUSED: Final = {
    "invalid_grant": "the grant was revoked or has expired; it has to be given anew",
    "invalid_client": "the token endpoint does not accept the client",
    "unauthorized_client": "the client may not refresh tokens",
    "unsupported_grant_type": "the token endpoint does not refresh tokens",
    "invalid_request": "the token endpoint does not understand the request",
    "invalid_scope": "the scopes are not, or no longer, granted",
}
_LATER: Final = "the token endpoint cannot answer now"
_MAX_SECONDS: Final = 10 * 365 * 86_400  # of a token's life; more is a mistake


class TokenAnswer(msgspec.Struct, frozen=True):
    """What a token endpoint grants. ``expires_in`` is in seconds; some send it as text."""

    access_token: str
    expires_in: float | str | None = None
    refresh_token: str | None = None
    scope: str | None = None


def request_headers(credential: OAuth2) -> tuple[tuple[str, str], ...]:
    """The headers of a refresh; with the client's proof, if it is given there."""
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    if credential.client_secret is not None and credential.client_auth == "basic":
        pair = f"{quote_plus(credential.client_id or '')}:{quote_plus(credential.client_secret)}"
        headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    return tuple(headers)


def request_body(credential: OAuth2) -> bytes:
    """The parameters of a refresh."""
    parameters = {"grant_type": "refresh_token", "refresh_token": credential.refresh_token or ""}
    if credential.scopes:
        parameters["scope"] = " ".join(credential.scopes)
    in_body = credential.client_secret is None or credential.client_auth == "body"
    if in_body and credential.client_id is not None:
        parameters["client_id"] = credential.client_id
    if in_body and credential.client_secret is not None:
        parameters["client_secret"] = credential.client_secret
    return urlencode(parameters).encode()


def refreshed(credential: OAuth2, status: int, body: bytes, now: float) -> OAuth2:
    """The credential after a refresh that was answered so. ``now`` is in seconds since 1970.

    Raises:
        OperationFailed: it was not granted: ``unavailable`` if another try may help, else ``failed``.
    """
    if status != 200:
        raise _refusal(status, body)
    try:
        answer = msgspec.json.decode(body, type=TokenAnswer)
        lasts = None if answer.expires_in is None else int(min(max(float(answer.expires_in), 0.0), _MAX_SECONDS))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise OperationFailed("failed", "the token endpoint's answer is no token") from None
    if not answer.access_token:
        raise OperationFailed("failed", "the token endpoint's answer is no token")
    return msgspec.structs.replace(
        credential,
        access_token=answer.access_token,
        # An endpoint that rotates refresh tokens accepts the old one no more.
        refresh_token=answer.refresh_token or credential.refresh_token,
        expires_at=None if lasts is None else int(now) + lasts,
        scopes=tuple(answer.scope.split()) if answer.scope else credential.scopes,
    )


def _refusal(status: int, body: bytes) -> OperationFailed:
    if status == 429 or status >= 500:
        return OperationFailed("unavailable", f"{_LATER} (status {status})")
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        document = None
    error = document.get("error") if isinstance(document, dict) else None
    if error == "temporarily_unavailable":
        return OperationFailed("unavailable", _LATER)
    if isinstance(error, str) and error in _REFUSED:
        return OperationFailed("failed", f"{_REFUSED[error]} ({error})")
    return OperationFailed("failed", f"the token endpoint answered with status {status}")
