"""The service that Restate calls: ``python3 -m bench.peers.restate_service PORT [busy]``.

Served by hypercorn over HTTP/2, as Restate's documentation has it. ``open`` on the standard input opens the gate,
``close`` closes it and is answered; each job that comes to it is a line of the standard output.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import Final

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

from bench.peers.turn import VALUE, busy_thread

ARRIVED: Final = "arrived"
CLOSED: Final = "closed"

_bench: Final = restate.Service("bench")
_gate: Final = asyncio.Event()


def _value() -> str:
    return VALUE


@_bench.handler()
async def steps(ctx: restate.Context, count: int) -> int:
    """Wait at the gate, then do the steps."""
    print(ARRIVED, flush=True)
    await _gate.wait()
    for _ in range(count):
        await ctx.run_typed("step", _value)
    return count


@_bench.handler()
async def steps_then_gate(ctx: restate.Context, count: int) -> int:
    """Do the steps, then wait for what never comes: where it is killed, and where it is again afterwards."""
    for _ in range(count):
        await ctx.run_typed("step", _value)
    print(ARRIVED, flush=True)
    await _gate.wait()
    return count


@_bench.handler()
async def nothing(ctx: restate.Context, count: int) -> int:
    """A job without steps."""
    return count


def _close() -> None:
    _gate.clear()
    print(CLOSED, flush=True)


def _listen(loop: asyncio.AbstractEventLoop) -> None:
    for line in sys.stdin:
        loop.call_soon_threadsafe(_gate.set if line.strip() == "open" else _close)
    os.killpg(os.getpgid(0), signal.SIGKILL)  # whoever started it is gone


async def _serve(port: int) -> None:
    threading.Thread(target=_listen, args=(asyncio.get_running_loop(),), daemon=True).start()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "ERROR"
    # Restate holds its streams open between steps, and a recovering one for as long as the log is replayed.
    config.keep_alive_timeout = 600
    await serve(restate.app([_bench]), config, mode="asgi")


def main() -> None:
    """See the module's text."""
    if sys.argv[2:] == ["busy"]:
        busy_thread()
    asyncio.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
