"""What the attributes refuse: each file of ``refused/`` says behind ``//~`` what the compiler says of that line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.support.rust_tools import SOURCES, HostBuild

pytestmark = pytest.mark.timeout(600)  # compilers, beside other tests

REFUSED = sorted((SOURCES / "refused").glob("*.rs"))
_EXPECTED = re.compile(r"//~ (.*)")


def errors(said: str, source: Path) -> list[tuple[int, str]]:
    """The lines and texts of a compiler's errors."""
    messages = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    found = []
    for message in messages:
        if message["level"] == "error" and message["spans"]:
            text = " ".join([message["message"], *(span["label"] or "" for span in message["spans"])])
            # What a constant panics of is, to older compilers, in the library; the text has the place.
            inside = re.search(rf"{re.escape(str(source))}:([0-9]+):", text)
            found.append((int(inside[1]) if inside else message["spans"][0]["line_start"], text))
    return found


@pytest.mark.parametrize("source", REFUSED, ids=[source.stem for source in REFUSED])
def test_what_is_refused_and_where(source: Path, host_build: HostBuild, tmp_path: Path) -> None:
    done = host_build.check(source, tmp_path / "out.rmeta")
    assert done.returncode == 1
    expected = {
        number: match[1].strip()
        for number, line in enumerate(source.read_text().splitlines(), 1)
        if (match := _EXPECTED.search(line))
    }
    found = errors(done.stderr, source)
    assert expected
    assert {line for line, _ in found} == set(expected), found
    for number, text in expected.items():
        assert any(text in message for line, message in found if line == number), (number, text, found)


def test_a_good_one_is_not_refused(host_build: HostBuild, tmp_path: Path) -> None:
    source = tmp_path / "good.rs"
    source.write_text(
        "use perdure_sdk::{extension, job, JobContext, Result};\n"
        '#[extension(id = "a", name = "A", jobs = [inner::count])]\npub struct A;\n'
        "pub mod inner {\n    use super::*;\n    #[job]\n"
        "    pub fn count(ctx: &JobContext, state: &mut u32) -> Result<()> {\n"
        "        ctx.check_interrupt(state)\n    }\n}\n"
    )
    done = host_build.check(source, tmp_path / "out.rmeta")
    assert (done.returncode, done.stderr) == (0, "")
