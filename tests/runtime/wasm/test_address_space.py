"""Room for guests: what one reserves, how many fit, and what is said when the system refuses one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from perdure.runtime.wasm import address_space
from perdure.runtime.wasm.address_space import guest_bytes, most_guests, refusal


@pytest.mark.parametrize(
    ("addresses", "mappings", "most"),
    [(1 << 47, 65_530, 6_553), (1 << 47, 1_000_000, 32_263), (1 << 47, None, 32_263), (32 << 30, 65_530, 7), (0, 9, 0)],
)
def test_how_many_fit(addresses: int, mappings: int | None, most: int) -> None:
    with (
        mock.patch.object(address_space, "_address_limit", return_value=addresses),
        mock.patch.object(address_space, "_mapping_limit", return_value=mappings),
    ):
        assert most_guests() == most


def test_here_there_is_room_for_a_thousand() -> None:
    assert guest_bytes() == (4 << 30) + (64 << 20)
    assert most_guests() >= 1_000


def test_what_is_no_refusal() -> None:
    assert refusal("unknown import") == ""


SCRIPT = """
import json, resource
from tests.support.module_guests import error_of
from tests.support.wat import RETURN_COMPLETED, Wat
wat = Wat()
wat.job("test", RETURN_COMPLETED)
module = wat.module()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 30),) * 2)
error = error_of(module)
print(json.dumps([error.kind, error.blame, error.message]))
"""


def test_a_guest_whose_memory_the_system_refuses_is_not_to_blame() -> None:
    root = Path(__file__).parents[3]
    environment = {"PYTHONPATH": ":".join([*sys.path, str(root)])}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    kind, blame, message = json.loads(done.stdout)
    assert (kind, blame) == ("load_failed", "host")
    assert message.startswith("the system refused to reserve 4,160 MiB of addresses")
    assert "ulimit -v" in message
