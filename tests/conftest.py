"""What holds for all tests."""

from __future__ import annotations

import itertools
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is a matter of the machine: timings are benchmarks, not tests. The suite has ten minutes;
# `python3 -m tests.properties.campaign` looks longer, and PERDURE_EXAMPLES is for who wants it of all.
EXAMPLES = int(os.environ.get("PERDURE_EXAMPLES", "50"))
settings.register_profile(
    "perdure", max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("perdure")

# No test may leave a master key in the keyring of whoever runs it; those that want a keyring start one.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"


def pytest_configure(config: pytest.Config) -> None:
    """Keep bytecode where Python was told not to write any beside the sources: in pytest's own folder.

    Tests start processes by the hundred, and each would compile the whole program anew, which takes as long as all
    else of a start. The processes of xdist get the variables, too.
    """
    cache: pytest.Cache | None = getattr(config, "cache", None)  # none with -p no:cacheprovider
    if sys.dont_write_bytecode and cache is not None:
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(cache.mkdir("bytecode"))
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each process of xdist begin with a long test, if there is one for it: else one is left alone with it.

    What a process gets to begin with is its part of the list, and of that the end is what others may take over.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    others = iter([item for item in items if not item.get_closest_marker("long")])
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        share = (len(items) - len(ordered)) // (workers - worker)
        first = long[worker::workers]
        ordered += [*first, *itertools.islice(others, max(0, share - len(first)))]
    items[:] = ordered
