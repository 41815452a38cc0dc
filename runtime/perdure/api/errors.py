"""What can be wrong with a request to the server. What it asked for may go wrong too: that is said by the runtime."""

from __future__ import annotations

from uuid import UUID


class ApiError(Exception):
    """Base of what the server itself refuses, and of what a client finds in its way."""


class BadRequest(ApiError, ValueError):
    """The request cannot be understood.

    ``field`` is where, empty for the whole.
    """

    def __init__(self, reason: str, field: str = "") -> None:
        self.reason, self.field = reason, field
        super().__init__(f"{field}: {reason}" if field else reason)


class Malformed(BadRequest):
    """What came is not HTTP, or may be read in more than one way. The connection is closed."""


class HeadTooLarge(ApiError):
    """The request's head is too large, or has too many fields.

    ``limit`` is in bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the head may have at most {limit} bytes, in at most 100 fields")


class Unauthenticated(ApiError):
    """There is no token, or none that opens anything.

    ``reason`` does not say which tokens there are.
    """

    def __init__(self, reason: str = "give a token, as 'Authorization: Bearer TOKEN'") -> None:
        self.reason = reason
        super().__init__(reason)


class Forbidden(ApiError):
    """The token does not open this.

    ``needs`` is the scope, or the library or extension.
    """

    def __init__(self, needs: str) -> None:
        self.needs = needs
        super().__init__(f"this token is not for {needs}")


class NotFound(ApiError, LookupError):
    """The server has no such page, or no such thing under it."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"there is no {what}")


class MethodNotAllowed(ApiError):
    """The page is there, and takes other verbs.

    ``allowed`` are those.
    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(f"this address takes {', '.join(allowed)}")


class WrongHost(ApiError):
    """The request names a host that this server is not."""

    def __init__(self, header: str) -> None:
        self.header = header
        super().__init__(f"the {header} header is none of this server's addresses; see --host and --allow-host")


class WrongOrigin(WrongHost):
    """The request comes from a page that another server gave out; this one answers its own pages only."""


class TooLarge(ApiError):
    """The body is larger than this endpoint takes, in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the body may have at most {limit} bytes")


class UnsupportedMedia(ApiError):
    """The body is of another kind than this endpoint takes.

    ``wanted`` is a media type.
    """

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(f"send {wanted}")


class TooSlow(ApiError):
    """The request did not come whole in time.

    ``seconds`` are what it had.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the request did not come within {seconds:g} s")


class TooMany(ApiError):
    """The server does as much of this at once as it will; try again in a while.

    ``retry_after`` is in seconds.
    """

    def __init__(self, what: str, retry_after: float = 1.0) -> None:
        self.what, self.retry_after = what, retry_after
        super().__init__(f"too many {what} at once; try again in {retry_after:g} s")


class KeyConflict(ApiError):
    """The Idempotency-Key is that of another request, or of this one while it is still worked on.

    ``reason`` is ``reused``, ``busy``, ``in_doubt``: the server died while it worked on it, and nobody knows; or
    ``done``: it was done, and its answer is not kept, since it was large or held secrets.
    """

    def __init__(self, reason: str, key: str) -> None:
        self.reason, self.key = reason, key
        texts = {
            "reused": "it was given with another request before; use a new key",
            "busy": "the first request with it is still being worked on; try again",
            "done": "it was done, and what it answered was not kept, since it is large or secret; use a new key",
            "in_doubt": "the server died while it worked on it; look whether it was done, and use a new key if not",
        }
        super().__init__(f"Idempotency-Key {key!r}: {texts.get(reason, reason)}")


class EngineUnavailable(ApiError):
    """The process that runs the jobs does not answer; it is starting, stopping, or too busy."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the runtime does not answer: {reason}; try again")


class ServerFault(ApiError):
    """A defect of the server, whose log has the rest.

    There it is under ``request``.
    """

    def __init__(self, request: UUID | None = None) -> None:
        self.request = request
        super().__init__(f"the server failed; its log says more under {request}" if request else "the server failed")


class ServerUnreachable(ApiError):
    """No server answers at this address. Said by the client."""

    def __init__(self, address: str, reason: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(f"no perdure server answers at {address}: {reason}")


class UnexpectedAnswer(ApiError):
    """What answers is no perdure server, or one of another version. Said by the client."""

    def __init__(self, address: str, reason: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(f"{address} answered something that is not of this API: {reason}")


class ProcessDied(ApiError):
    """A process that the server began ended without an answer: what it read is damaged, or hostile.

    ``what`` is what it was for, ``how`` a signal or an exit code.
    """

    def __init__(self, what: str, how: str) -> None:
        self.what, self.how = what, how
        super().__init__(f"the process that {what} ended with {how}: what it read is damaged, or hostile")


class CannotListen(ApiError):
    """The server cannot or must not listen there. The operator is to blame.

    ``reason`` says why and what to do.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(f"{address}: {reason}")
