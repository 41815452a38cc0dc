"""The counter in each language, by hand and with the SDK, as compiled files.

By hand means: the language, its own library and a compiler; the manifest is a file that somebody wrote. With the SDK it
is what `perdure new` and `perdure build` make of one source file.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from bench.figure import BenchFailed
from bench.source_lines import Lines, count
from perdure.toolchain import Language, build, project_in, sdk_folder
from perdure.toolchain.new import create_project
from perdure.toolchain.rust_toolchain import TARGET, RustToolchain, find_rust

EXTENSION: Final = "measured"
LANGUAGES: Final = {Language.C: "c", Language.ZIG: "zig", Language.RUST: "rs", Language.PYTHON: "py"}
WAYS: Final = ("by_hand", "with_sdk")
_SOURCES: Final = Path(__file__).parent / "counters"
# The same for size as `perdure build` says for each language.
_CLANG: Final = (
    *("--target=wasm32-freestanding", "-std=c17", "-Os", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-ffreestanding"),
    *("-mbulk-memory", "-s", "-Wl,--no-entry", "-Wl,-z,stack-size=65536"),
)
_ZIG: Final = (
    *("-target", "wasm32-freestanding", "-mcpu=generic+bulk_memory", "-O", "ReleaseSmall", "-fstrip", "-fno-entry"),
    *("-rdynamic", "--stack", "65536"),
)
_RUSTC: Final = ("-Copt-level=s", "-Clto", "-Cpanic=abort", "-Cstrip=symbols", "-Ccodegen-units=1")


class Counter(msgspec.Struct, frozen=True):
    """One way to write it in one language."""

    language: Language
    way: str

    @property
    def source(self) -> Path:
        """The file that somebody wrote."""
        return _SOURCES / self.way / f"counter.{LANGUAGES[self.language]}"

    @property
    def lines(self) -> Lines:
        """Its lines, and by hand those of the manifest."""
        found = count(self.source.read_text())
        manifest = (_SOURCES / "by_hand" / "manifest.json").read_text()
        return found if self.way == "with_sdk" else Lines(found.all + len(manifest.splitlines()), found.job)


class Compiled(msgspec.Struct, frozen=True):
    """What a compiler made of it, in so many seconds, with nothing of it there before."""

    counter: Counter
    wasm: bytes
    seconds: float


def counters() -> list[Counter]:
    """All of them, those by hand first in each language."""
    return [Counter(language, way) for language in LANGUAGES for way in WAYS]


def compiled(counter: Counter, folder: Path) -> Compiled:
    """Compile in ``folder``, which is empty.

    Raises:
        BenchFailed, ToolchainError: it cannot be compiled.
    """
    start = time.perf_counter()
    wasm = _with_sdk(counter, folder / "project") if counter.way == "with_sdk" else _by_hand(counter, folder)
    return Compiled(counter, wasm, time.perf_counter() - start)


def _with_sdk(counter: Counter, folder: Path) -> bytes:
    create_project(EXTENSION, counter.language, folder)
    name = "src/lib.rs" if counter.language is Language.RUST else f"src/{EXTENSION}.{LANGUAGES[counter.language]}"
    place = folder / (f"{EXTENSION}.py" if counter.language is Language.PYTHON else name)
    if not place.is_file():
        raise BenchFailed(f"perdure new makes no {place.name} any more")
    shutil.copyfile(counter.source, place)
    return build(project_in(folder), lambda line: None).wasm_path.read_bytes()


def _by_hand(counter: Counter, folder: Path) -> bytes:
    source = shutil.copy(counter.source, folder)
    output = folder / "counter.wasm"
    command = _command(counter.language, folder, Path(source), output)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchFailed(f"{counter.source} does not compile:\n{done.stderr}")
    return output.read_bytes()


def _command(language: Language, folder: Path, source: Path, output: Path) -> list[str]:
    zig = [sys.executable, "-m", "ziglang"]
    match language:
        case Language.C:
            return [*zig, "cc", *_CLANG, "-o", output.name, source.name]
        case Language.ZIG:
            return [*zig, "build-exe", f"-femit-bin={output.name}", *_ZIG, source.name]
        case Language.RUST:
            rust = find_rust(folder)
            if not isinstance(rust, RustToolchain):
                raise BenchFailed("there is no Rust that builds WebAssembly; `perdure doctor` says what is missing")
            return [
                *(str(rust.rustc), "--edition", "2021", "--crate-type", "cdylib", "--target", TARGET),
                *(*_RUSTC, "-o", output.name, source.name),
            ]
        case Language.PYTHON:
            wit = str(sdk_folder("wit"))
            return [
                *(
                    sys.executable,
                    "-c",
                    "import componentize_py; componentize_py.script()",
                    "-d",
                    wit,
                    "-w",
                    "extension",
                    "componentize",
                ),
                *("--stub-wasi", source.stem, "-o", output.name),
            ]
