"""Which builder is whose."""

from __future__ import annotations

from perdure.toolchain.builder import Builder
from perdure.toolchain.c_builder import CBuilder
from perdure.toolchain.project import Language
from perdure.toolchain.python_builder import PythonBuilder
from perdure.toolchain.rust_builder import RustBuilder
from perdure.toolchain.zig_builder import ZigBuilder


def builder_of(language: Language) -> Builder:
    """The builder of a language."""
    builders: dict[Language, Builder] = {
        Language.PYTHON: PythonBuilder(),
        Language.RUST: RustBuilder(),
        Language.C: CBuilder(),
        Language.ZIG: ZigBuilder(),
    }
    return builders[language]
