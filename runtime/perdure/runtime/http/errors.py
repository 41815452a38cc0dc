"""Why a request was not sent, or has no answer. Texts are for guests: no path and no address of the host's network."""

from __future__ import annotations

from perdure.runtime.errors import PerdureError


class HttpError(PerdureError):
    """Base of why a request over HTTP was not sent, or has no answer.

    ``code`` is the ABI's code for it; nothing about it needs to be done unless the text says so.
    """

    code = "failed"


class InvalidRequest(HttpError, ValueError):
    """The request cannot be sent as it is. Its caller is to blame.

    ``field`` is the part of it that is meant.
    """

    code = "invalid_payload"

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")


class HostNotAllowed(HttpError):
    """The host is not among those granted.

    ``entry`` is what ``network_access`` would need for it.
    """

    code = "permission_denied"

    def __init__(self, origin: str, entry: str) -> None:
        self.origin, self.entry = origin, entry
        super().__init__(
            f"{origin} is not allowed; network_access in the manifest needs {entry!r}, and the user's consent"
        )


class AddressNotAllowed(HttpError):
    """The name stands for addresses of a network that extensions must not reach.

    ``networks`` are their kinds.

    The embedder can open some: ``HttpSettings.private_networks``.
    """

    code = "permission_denied"

    def __init__(self, host: str, networks: tuple[str, ...]) -> None:
        self.host, self.networks = host, networks
        super().__init__(
            f"{host} is not allowed: its address is {' or '.join(networks)}, and the program that runs this extension"
            f" does not open that network to extensions"
        )


class HostUnreachable(HttpError):
    """The name is unknown, or nobody answers at its address. It may help to try again later."""

    code = "unavailable"

    def __init__(self, host: str, reason: str) -> None:
        self.host, self.reason = host, reason
        super().__init__(f"{host} cannot be reached: {reason}")


class TlsFailed(HttpError):
    """The host could not prove that it is who it should be; nothing was sent to it."""

    code = "unavailable"

    def __init__(self, host: str, reason: str) -> None:
        self.host, self.reason = host, reason
        super().__init__(f"no secure connection to {host}: {reason}")


class RequestTimedOut(HttpError):
    """Not done in time. Whether the host acted on the request is unknown.

    ``seconds`` is how long that was.
    """

    code = "unavailable"

    def __init__(self, host: str, seconds: float) -> None:
        self.host, self.seconds = host, seconds
        super().__init__(f"{host} did not answer within {seconds:g} s")


class BrokenAnswer(HttpError):
    """What came back is no HTTP answer, or ends in the middle of one. Whether the host acted is unknown."""

    code = "unavailable"

    def __init__(self, host: str, reason: str) -> None:
        self.host, self.reason = host, reason
        super().__init__(f"{host} sent no valid answer: {reason}")


class AnswerTooLarge(HttpError):
    """The answer is too large. The host did act on the request.

    It has more than ``limit`` bytes, decoded.
    """

    def __init__(self, host: str, limit: int) -> None:
        self.host, self.limit = host, limit
        super().__init__(f"the answer of {host} has more than {limit} bytes; ask for less, or raise max_bytes")


class TooManyRedirects(HttpError):
    """The answer was a redirect once too often.

    It was one more than ``limit`` times.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"more than {limit} redirects; raise max_redirects, or 0 to get them as answers")


class ClientClosed(HttpError):
    """The runtime is closing; nothing was sent."""

    code = "unavailable"

    def __init__(self) -> None:
        super().__init__("the runtime is closing")
