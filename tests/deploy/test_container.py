"""The container file and the compose file. Nothing builds them here: what they say is compared with the project."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.alert_rules import document

DEPLOY = Path(__file__).parents[2] / "deploy"


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its words, continued lines joined."""
    text = (DEPLOY / "Containerfile").read_text()
    lines = re.sub(r"\\\n", " ", "".join(line + "\n" for line in text.splitlines() if not line.startswith("#")))
    return [(name, words.strip()) for name, _, words in (line.partition(" ") for line in lines.splitlines() if line)]


def test_it_is_a_container_file_of_two_stages() -> None:
    known = {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "VOLUME", "EXPOSE", "LABEL"}
    known |= {"HEALTHCHECK", "ENTRYPOINT", "STOPSIGNAL"}

    assert {name for name, _ in instructions()} <= known
    assert [name for name, _ in instructions()].count("FROM") == 2
    assert all(re.search(r":\d[\w.-]+", words) for name, words in instructions() if name == "FROM")  # none is "latest"


def test_it_does_not_run_as_root_and_keeps_its_data() -> None:
    said = dict(instructions())

    assert said["USER"] == "7373:7373"
    assert said["VOLUME"] == "/data"
    assert "PERDURE_DATA=/data" in said["ENV"]
    assert "/readyz" in said["HEALTHCHECK"]


def test_the_options_are_those_of_the_command() -> None:
    known = (DEPLOY.parent / "docs" / "cli.md").read_text()
    words = json.loads(dict(instructions())["ENTRYPOINT"])
    service = document(DEPLOY / "compose.yaml")["services"]["perdure"]

    assert words[:2] == ["perdure", "serve"]
    for word in [*words, *service["command"]]:
        assert not word.startswith("--") or f"`{word}" in known, word


def test_what_the_compose_file_mounts_is_there() -> None:
    services = document(DEPLOY / "compose.yaml")["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]

    assert [path for path in mounted if path.startswith("./") and not (DEPLOY / path).exists()] == []
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service["ports"])
