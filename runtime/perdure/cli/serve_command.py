"""``perdure serve``: the runtime as a daemon, for the command line, programs, browsers and Prometheus."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.foreground import REFRESH, Stopped, foreground
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation

Host = Annotated[str, typer.Option("--host", metavar="HOST", help="The address to listen on.")]
Port = Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65_535, help="The port; 0 takes a free one.")]

Certificate = Annotated[
    str | None, typer.Option("--certificate", metavar="FILE", help="Speak TLS, with this certificate and its chain.")
]
PrivateKey = Annotated[str | None, typer.Option("--private-key", metavar="FILE", help="The certificate's key, in PEM.")]
BehindProxy = Annotated[
    bool,
    typer.Option("--behind-proxy", metavar="", help="A proxy does TLS, and nobody else reaches this address."),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", help="A name that clients call this server by; may be repeated."),
]


def serve(
    invocation: Invocation,
    host: Host = "127.0.0.1",
    port: Port = 7373,
    certificate: Certificate = None,
    private_key: PrivateKey = None,
    behind_proxy: BehindProxy = False,
    allow_host: AllowHost = None,
) -> None:
    """Serve the data folder: jobs run here, and clients watch and control them, until Ctrl-C or SIGTERM.

    Unfinished jobs go on. Other commands that are given this folder work through the server by themselves.
    """
    from perdure.server.daemon import Server  # noqa: PLC0415  # most commands need no server
    from perdure.server.settings import ServerSettings  # noqa: PLC0415

    stopped = Stopped()
    with foreground(invocation, stopped, busy=BUSY_FOR_NEW) as front:
        settings = ServerSettings(
            host=host,
            port=port,
            allowed_hosts=tuple(allow_host or ()),
            behind_proxy=behind_proxy,
            certificate=certificate,
            private_key=private_key,
        )
        with Server(front.runtime, invocation.data, settings) as server:
            front.runtime.recover()
            invocation.output.show(f"perdure serves {invocation.data} at {server.address}; token: {server.token_file}")
            invocation.output.flush()
            while not stopped.event.wait(REFRESH):
                pass
