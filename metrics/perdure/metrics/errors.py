"""What can go wrong with the metrics, and what to do about it."""

from __future__ import annotations


class MetricsError(Exception):
    """Base of every error that ``perdure.metrics`` raises on purpose. The caller's fault, or the machine's."""


class RegistryTaken(MetricsError):
    """The registry already has metrics with these names; most likely those of another `PrometheusHooks`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        more = f" and {len(names) - 1} more of these names" if len(names) > 1 else ""
        super().__init__(
            f"the registry already has {names[0]}{more}; give every runtime that shares it the same PrometheusHooks, "
            "or close the first"
        )


class AddressUnavailable(MetricsError, OSError):
    """The metrics cannot be served at this address. Also an `OSError`, with its ``errno`` and ``strerror``."""

    def __init__(self, host: str, port: int, cause: OSError) -> None:
        self.host, self.port = host, port
        OSError.__init__(self, cause.errno, cause.strerror or str(cause))

    def __str__(self) -> str:
        return (
            f"the metrics cannot be served at {self.host} port {self.port}: {self.strerror}; "
            "choose another address, or port 0 for a free one"
        )
