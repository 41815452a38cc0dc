from __future__ import annotations

import subprocess
import sys


def test_a_client_loads_nothing_that_runs_jobs() -> None:
    program = "import sys; from perdure.client import AsyncClient, Client; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert {"perdure.client.client", "perdure.client.async_client"} <= set(loaded)
    assert not {"wasmtime", "lmdb", "pykka", "starlette", "uvicorn", "perdure.runtime.runtime"} & set(loaded)
