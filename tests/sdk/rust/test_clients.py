"""The typed clients are those of the operations that ship."""

from __future__ import annotations

import pytest
from tests.support.rust_tools import ROOT

from perdure.runtime.operations.client_rust import RUST_CLIENTS, rust_clients


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """The files as they are made now."""
    return rust_clients()


def test_they_are_made_from_the_operations(made: dict[str, str]) -> None:
    stale = "run python3 -m perdure.runtime.operations.client_rust"
    assert {path.name for path in (ROOT / RUST_CLIENTS).glob("*.rs")} == set(made), stale
    assert [name for name, text in made.items() if (ROOT / RUST_CLIENTS / name).read_text() != text] == [], stale


def test_a_struct_with_a_secret_shows_none_of_it(made: dict[str, str]) -> None:
    text = made["credentials.rs"]
    declaration = text[: text.index("pub struct OAuth2 {")].rpartition("#[derive(")[2]
    assert "Debug" not in declaration
    shown = text[text.index("impl std::fmt::Debug for OAuth2") :].partition("}")[0]
    assert "client_id" in shown
    assert not {"access_token", "refresh_token", "client_secret"} & set(shown.replace('"', " ").split())


def test_what_only_the_host_may_say_is_left_out(made: dict[str, str]) -> None:
    assert "everywhere" not in made["config.rs"].replace("set everywhere", "").replace("or everywhere", "")
    assert "action:vdfs.sweep" not in made["vdfs.rs"]
    assert "test.rs" not in made
