"""``cargo test``: the SDK's own tests and the example's, on this machine."""

from __future__ import annotations

import re
import subprocess

import pytest
from tests.support.rust_tools import HostBuild

pytestmark = pytest.mark.timeout(600)  # compilers, beside other tests


@pytest.mark.parametrize(("crate", "fewest"), [("perdure_sdk", 10), ("perdure_sdk_macros", 10), ("counter_rust", 6)])
def test_the_crates_tests_pass(crate: str, fewest: int, host_build: HostBuild) -> None:
    done = subprocess.run([host_build.tests[crate]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"test result: ok. (\d+) passed; 0 failed; 0 ignored", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= fewest
