"""``perdure serve``: the runtime as a daemon, for the command line, programs, browsers and Prometheus."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from typing import Annotated, Any, get_args

import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import REFRESH, Stopped, own_foreground
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
MetricsOpen = Annotated[
    bool, typer.Option("--metrics-open", metavar="", help="Give the metrics to whoever asks; else they need a token.")
]
LogFormatOption = Annotated[
    str, typer.Option("--log-format", metavar="FORMAT", help="How it logs on standard error: text or json.")
]
LogLevelOption = Annotated[
    str, typer.Option("--log-level", metavar="LEVEL", help="The least that it logs: debug, info, warning or error.")
]
Drain = Annotated[
    float,
    typer.Option(
        "--drain", metavar="SECONDS", min=0, max=600, help="When told to stop, say so at /readyz for so long first."
    ),
]
Otel = Annotated[
    bool, typer.Option("--otel", metavar="", help="Send OpenTelemetry traces, as the OTEL_… variables say.")
]


def serve(
    invocation: Invocation,
    host: Host = "127.0.0.1",
    port: Port = 7373,
    certificate: Certificate = None,
    private_key: PrivateKey = None,
    behind_proxy: BehindProxy = False,
    allow_host: AllowHost = None,
    metrics_open: MetricsOpen = False,
    log_format: LogFormatOption = "text",
    log_level: LogLevelOption = "info",
    drain: Drain = 0.0,
    otel: Otel = False,
) -> None:
    """Serve the data folder: jobs run here, and clients watch and control them, until Ctrl-C or SIGTERM.

    Unfinished jobs go on. Other commands that are given this folder work through the server by themselves.
    """
    require_server()
    from perdure.cli.tracing import tracing  # noqa: PLC0415  # most commands need no server
    from perdure.server.daemon import Server  # noqa: PLC0415
    from perdure.server.log_output import log_to_stderr  # noqa: PLC0415
    from perdure.server.observation import Observation  # noqa: PLC0415
    from perdure.server.service_notice import ServiceNotice  # noqa: PLC0415
    from perdure.server.settings import LogFormat, LogLevel, ServerSettings  # noqa: PLC0415

    settings = ServerSettings(
        host=host,
        port=port,
        allowed_hosts=tuple(allow_host or ()),
        behind_proxy=behind_proxy,
        certificate=certificate,
        private_key=private_key,
        metrics_open=metrics_open,
        log_format=_one_of("--log-format", log_format, LogFormat),
        log_level="debug" if invocation.debug else _one_of("--log-level", log_level, LogLevel),
        drain=drain,
    )
    notice = ServiceNotice(os.environ, time.monotonic)
    stopped = Stopped()
    with contextlib.ExitStack() as stack:
        stack.enter_context(log_to_stderr(settings.log_format, settings.log_level, "engine"))
        observation = Observation.of(invocation.data, *stack.enter_context(tracing(otel)))
        front = stack.enter_context(own_foreground(invocation, stopped, busy=BUSY_FOR_NEW, hooks=observation.hooks))
        with Server(front.runtime, invocation.data, settings, observation) as server:
            front.runtime.recover()
            invocation.output.show(f"perdure serves {invocation.data} at {server.address}; token: {server.token_file}")
            invocation.output.flush()
            notice.ready(f"serving at {server.address}")
            while not stopped.event.wait(REFRESH):
                if server.is_serving:
                    notice.alive()
            notice.stopping()


def require_server() -> None:
    """Make sure that what the web process is made of is installed.

    Raises:
        CommandError: something is missing.
    """
    missing = [name for name in ("starlette", "uvicorn", "httptools") if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(f"perdure serve needs {', '.join(missing)}: pip install 'perdure[server]'", ExitCode.USAGE)


def _one_of(option: str, given: str, kind: Any) -> Any:
    """What was given, if it is one of the words that the type has.

    Raises:
        CommandError: it is not.
    """
    words = get_args(kind)
    if given not in words:
        raise CommandError(f"{option}: it is one of {', '.join(words)}", ExitCode.USAGE)
    return given
