"""``python3 -m bench.vault_picture``: runs examples/vault on its sample and draws what the commands print.

The picture, examples/vault/audit.svg, is the terminal of a real run; names of jobs and times are those of that run.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "vault"
PICTURE = EXAMPLE / "audit.svg"
_WIDTH = 128  # columns
_QUIET = [
    ("run", "examples/counter", "counter", "--state", '{"target": 1, "work": 0}', "--yes"),
    (
        "run",
        "examples/vault",
        "import_file",
        "--state",
        '{"file": "sample/chrome.csv"}',
        "--yes",
        "--folder",
        f"sample={EXAMPLE}/sample",
    ),
]
_SHOWN = [
    ("run", "vault", "import_file", "--state", '{"file": "sample/keepass.xml"}'),
    ("run", "vault", "generate", "--state", '{"name": "Printer", "words": 6}'),
    ("run", "vault", "rotate", "--state", '{"older_than_days": -1, "only": ["Router"]}'),
    ("call", "query:credentials.totp", "name=Cloud", "extension=vault"),
    ("call", "query:credentials.get", "name=Bank", "owner=vault", "--as", "counter"),
    ("credentials", "audit", "vault", "--limit", "9"),
]


def main() -> None:
    """Run the commands, and draw them."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        for words in _QUIET:
            _run(words, folder)
        for words in _SHOWN:
            said = " ".join(f"'{word}'" if " " in word else word for word in words)
            console.print(Text.assemble(("$ ", "bold green"), (f"perdure {said}", "bold")))
            done = _run(words, folder)
            for line in (done.stdout + done.stderr).splitlines():
                if ": running, " not in line and "--limit shows more" not in line:
                    console.print(Text(line), overflow="ellipsis", no_wrap=True)
    picture = console.export_svg(title="examples/vault")
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))  # no fonts from elsewhere
    sys.stdout.write(f"{PICTURE}\n")


def _run(words: tuple[str, ...], folder: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PERDURE_DATA": folder, "TZ": "UTC"}
    return subprocess.run(
        [sys.executable, "-m", "perdure.cli", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    main()
