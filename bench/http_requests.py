"""How should requests to other hosts be sent?  Measures the candidates in one run (ADR 0007).

asynchronous  the runtime's client, on one event loop
threads       httpx's own transport without any of our checks, 8 threads (an extension's pool) and 100

100 calls are under way at once, to a server in another process on this machine: one that answers at once, and one that
does after 50 ms.

    python3 -m bench.http_requests [--requests 1500] [--runs 3]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from perdure.runtime.http.client import HttpClient, HttpRequest
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.http.settings import HttpSettings

AT_ONCE = 100
SERVER = """
import asyncio

ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 1000\\r\\nContent-Type: text/plain\\r\\n\\r\\n" + b"a" * 1000

async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            await asyncio.sleep(0.05 if head.startswith(b"GET /slow") else 0)
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=500)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


async def asynchronous(url: str, requests: int) -> float:
    """Requests a second."""
    scheme_and_host = url.rpartition("/")[0]
    hosts = HostRules.of([scheme_and_host])
    client = HttpClient(HttpSettings(private_networks=("127.0.0.0/8",)))
    left = iter(range(requests))

    async def caller() -> None:
        for _ in left:
            await client.send(HttpRequest(url=url), hosts)

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    taken = time.perf_counter() - start
    await client.aclose()
    return requests / taken


def threads(url: str, requests: int, size: int) -> float:
    """Requests a second."""
    limits = httpx.Limits(max_connections=size, max_keepalive_connections=8)
    transport = httpx.HTTPTransport(trust_env=False, limits=limits)

    def call(_: int) -> None:
        response = transport.handle_request(httpx.Request("GET", url))
        response.read()
        response.close()

    with ThreadPoolExecutor(size) as pool:
        start = time.perf_counter()
        list(pool.map(call, range(requests)))
        taken = time.perf_counter() - start
    transport.close()
    return requests / taken


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.http_requests")
    parser.add_argument("--requests", type=int, default=1_500)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    ways: dict[str, Callable[[str], float]] = {
        "asynchronous": lambda url: asyncio.run(asynchronous(url, options.requests)),
        "8 threads": lambda url: threads(url, options.requests, 8),
        "100 threads": lambda url: threads(url, options.requests, AT_ONCE),
    }
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            for page in ("quick", "slow"):
                for name, way in ways.items():
                    values = [way(f"http://127.0.0.1:{port}/{page}") for _ in range(options.runs)]
                    print(f"{page:6} {name:13} {statistics.median(values):6.0f} requests/s")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
