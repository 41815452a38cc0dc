"""``--metrics-port``: what Prometheus scrapes while jobs run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.metrics import AddressUnavailable, MetricsServer, PrometheusHooks


class Metrics:
    """The metrics of this process, in a registry of their own."""

    def __init__(self) -> None:
        self.hooks = PrometheusHooks()

    @contextlib.contextmanager
    def serve(self, port: int) -> Iterator[str]:
        """Serve them on this machine, on ``port`` or, for 0, on a free one; gives the address.

        Raises:
            CommandError: the port cannot be had.
        """
        try:
            server = MetricsServer(self.hooks.registry, port=port)
        except AddressUnavailable as error:
            raise CommandError(f"--metrics-port: {error}", ExitCode.USAGE) from error
        with server:
            yield f"http://127.0.0.1:{server.port}/metrics"
