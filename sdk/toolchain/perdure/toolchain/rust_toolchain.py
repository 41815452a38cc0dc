"""The machine's Rust: a cargo and a rustc that can compile to WebAssembly, from rustup or from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from perdure.toolchain.tools import Tool

TARGET: Final = "wasm32-unknown-unknown"
DEBIAN_PACKAGES: Final = (
    "cargo rustc libstd-rust-dev-wasm32 lld librust-serde-dev librust-serde-derive-dev librust-serde-json-dev "
    "librust-syn-dev librust-quote-dev librust-proc-macro2-dev"
)
_DEBIAN_MARK: Final = Path("/etc/debian_version")
_DEBIAN_BIN: Final = Path("/usr/bin")
_DEBIAN_REGISTRY: Final = Path("/usr/share/cargo/registry")
_CRATES: Final = ("serde", "serde_derive", "serde_json", "syn", "quote", "proc-macro2")  # what the SDK needs
_ANSWER_SECONDS: Final = 30  # rustup's rustc may have to look for its toolchain first


def install_line(environment: Mapping[str, str] = os.environ) -> str:
    """What a person types to get what is missing: by rustup where that is there, else from Debian."""
    if shutil.which("rustup", path=environment.get("PATH", "")):
        return f"rustup target add {TARGET}"
    if _DEBIAN_MARK.exists():
        return f"apt-get install {DEBIAN_PACKAGES}"
    return f"curl -sSf https://sh.rustup.rs | sh -s -- --target {TARGET}"


class RustToolchain(msgspec.Struct, frozen=True, kw_only=True):
    """A cargo with its rustc. ``registry`` is the folder that has Debian's crates, if cargo is Debian's too."""

    cargo: Path
    rustc: Path
    version: str
    registry: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What cargo is to be told so that it takes this rustc, and not the first one in ``PATH``."""
        return {"RUSTC": str(self.rustc)}

    @property
    def sources(self) -> tuple[str, ...]:
        """The options that make cargo take Debian's crates, on this machine, instead of those of crates.io."""
        if self.registry is None:
            return ()
        folder = msgspec.json.encode(str(self.registry)).decode()
        return (
            *("--config", 'source.crates-io.replace-with="debian"'),
            *("--config", f"source.debian.directory={folder}"),
        )


def debian_crates(registry: Path) -> str:
    """A ``.cargo/config.toml`` that makes cargo take Debian's crates instead of those of crates.io."""
    folder = msgspec.json.encode(str(registry)).decode()  # TOML reads JSON's texts
    return (
        "# Debian's crates, which are on this machine, instead of those of crates.io.\n"
        f'[source.crates-io]\nreplace-with = "debian"\n\n[source.debian]\ndirectory = {folder}\n'
    )


def find_rust(folder: Path, environment: Mapping[str, str] = os.environ) -> RustToolchain | Tool:
    """The first toolchain in ``PATH``, in rustup's folder or in ``/usr/bin`` that compiles to WebAssembly.

    ``folder`` is that of a project, which may say by rustup's own files what it wants. If there is none, what is
    missing.
    """
    problems = []
    for place in _places(environment):
        cargo, rustc = place / "cargo", place / "rustc"
        if not (os.access(cargo, os.X_OK) and os.access(rustc, os.X_OK)):
            continue
        problem = _problem(rustc, folder, environment)
        if not problem:
            registry = _DEBIAN_REGISTRY if place == _DEBIAN_BIN and _has_crates(_DEBIAN_REGISTRY) else None
            version = _answer(rustc, folder, "--version").removeprefix("rustc ").split(" ")[0]
            return RustToolchain(cargo=cargo, rustc=rustc, version=version, registry=registry)
        problems.append(f"{rustc} {problem}")
    return Tool(name="rust", install=install_line(environment), problem="; ".join(problems) or "is not installed")


def rust_tool(folder: Path) -> Tool:
    """The same as a `Tool`."""
    found = find_rust(folder)
    if isinstance(found, Tool):
        return found
    return Tool(name="rust", install=install_line(), version=found.version, path=found.rustc)


def _places(environment: Mapping[str, str]) -> Iterator[Path]:
    home = environment.get("CARGO_HOME") or str(Path.home() / ".cargo")
    seen = set()
    for text in (*environment.get("PATH", "").split(os.pathsep), f"{home}/bin", str(_DEBIAN_BIN)):
        place = Path(text)
        # /bin is /usr/bin on Debian.
        if text and place.is_absolute() and (real := place.resolve()) not in seen:
            seen.add(real)
            yield real


def _problem(rustc: Path, folder: Path, environment: Mapping[str, str]) -> str:
    library = _answer(rustc, folder, "--print", "target-libdir", "--target", TARGET)
    if not library:
        return "does not run"
    if not any(Path(library).glob("libstd-*.rlib")):
        return f"has no target {TARGET}"
    # rustc looks for its linker beside itself, then in PATH.
    beside = Path(_answer(rustc, folder, "--print", "sysroot")).glob("lib/rustlib/*/bin/rust-lld")
    in_path = (Path(text) / "rust-lld" for text in environment.get("PATH", "").split(os.pathsep))
    if not any(os.access(linker, os.X_OK) for linker in (*beside, *in_path)):
        return "has no linker (rust-lld)"
    return ""


def _has_crates(registry: Path) -> bool:
    """Whether all that the SDK needs is installed; otherwise cargo has to get crates from crates.io."""
    return all(any(registry.glob(f"{crate}-1.*")) for crate in _CRATES)


def _answer(rustc: Path, folder: Path, *words: str) -> str:
    """What rustc says to a question; empty if it does not answer it."""
    try:
        done = subprocess.run(  # noqa: S603  # rustc itself, without a shell
            [str(rustc), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=_ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
