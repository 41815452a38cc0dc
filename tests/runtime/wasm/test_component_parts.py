"""What is taken out of a component, and what stays in it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.component_wat import ComponentWat
from tests.support.wat import compiled
from wasmtime import component

from perdure.runtime.wasm.code import Code, SplitCode, compile_code, deserialise, imported_parts, part_code, read_file
from perdure.runtime.wasm.component_parts import LEAST_PART_BYTES, part_name, split
from perdure.runtime.wasm.engine import new_engine
from perdure.runtime.wasm.errors import InvalidWasm, ModuleError
from perdure.runtime.wasm.inspect import last_cause

LEAST = 4_000  # so that the library is a part, and the guest's own module is none


def with_library(size: int = LEAST) -> bytes:
    wat = ComponentWat()
    wat.library(size)
    wat.run(f"(drop (call $spin (i32.const 3))) {wat.completed()}")
    return wat.component()


def nested(*modules: str, around: str = "") -> bytes:
    """A component with these core modules."""
    return compiled(f"(component {' '.join(f'(core {module[1:]}' for module in modules)} {around})")


PADDING = f'(data "{"x" * LEAST}")'
PLAIN = f'(module (func (export "f")) {PADDING})'


def is_accepted(data: bytes) -> bool:
    """Whether wasmtime takes a whole component."""
    try:
        component.Component(new_engine(64 * 1024), data)
    except wasmtime.WasmtimeError:
        return False
    return True


def are_accepted(data: bytes) -> bool:
    """Whether wasmtime takes its pieces, the one that imports the others included."""
    engine, pieces = new_engine(64 * 1024), split(data, LEAST)
    try:
        component.Component(engine, pieces.rest)
        for part in pieces.parts:
            wasmtime.Module(engine, part.data)
    except wasmtime.WasmtimeError:
        return False
    return True


def start_of(code: Code, engine: wasmtime.Engine) -> tuple[str, int]:
    """How an instance of it starts, without a host: with what last words, and the fuel that it takes."""
    store, linker = wasmtime.Store(engine), component.Linker(engine)
    store.set_fuel(100_000)
    store.set_epoch_deadline(1)
    store.set_limits(memory_size=1 << 24, table_elements=1 << 16)
    whole = code.component if isinstance(code, SplitCode) else code
    assert isinstance(whole, component.Component)
    with linker.root() as root:
        for name, part in (code.parts if isinstance(code, SplitCode) else {}).items():
            root.add_module(name, part)
    linker.define_unknown_imports_as_traps(whole)
    try:
        linker.instantiate(store, whole)
    except wasmtime.WasmtimeError as error:
        return last_cause(str(error)), store.get_fuel()
    return "", store.get_fuel()


def test_a_large_module_is_a_part() -> None:
    data = with_library()
    pieces = split(data, LEAST)
    (part,) = pieces.parts
    assert part.data.startswith(b"\0asm\1\0\0\0")
    assert data[part.offset :].startswith(part.data[:LEAST])
    assert len(pieces.rest) == len(data)
    assert b"x" * 100 not in pieces.rest
    assert 0 < pieces.rest_size < len(data) - len(part.data)
    name = part_name(part.import_name)
    assert name is not None
    assert (name.digest, name.offset) == (part.digest, part.offset)
    assert split(data, LEAST) == pieces


def test_equal_modules_of_two_components_are_one_part() -> None:
    one, other = (split(nested(*modules), LEAST) for modules in ((PLAIN,), ("(module)", PLAIN)))
    assert one.parts[0].data == other.parts[0].data
    assert one.parts[0].digest == other.parts[0].digest
    assert one.parts[0].offset != other.parts[0].offset


def test_all_else_stays_where_it_was() -> None:
    data = with_library()
    pieces = split(data, LEAST)
    different = [place for place, (old, new) in enumerate(zip(data, pieces.rest, strict=True)) if old != new]
    (part,) = pieces.parts
    assert part.offset - 10 <= different[0]
    assert different[-1] < part.offset + len(part.data)


def test_small_modules_stay() -> None:
    data = with_library()
    assert split(data).parts == ()
    assert split(data).rest is data
    assert len(split(with_library(LEAST_PART_BYTES)).parts) == 1


def test_the_second_of_two_equal_modules_stays() -> None:
    data = nested(PLAIN, PLAIN)
    pieces = split(data, LEAST)
    engine = new_engine(64 * 1024)
    imported = imported_parts(engine, component.Component(engine, pieces.rest))
    assert list(imported) == [part.import_name for part in pieces.parts]
    assert len(imported) == 1


@pytest.mark.parametrize(
    "module",
    [
        f"(module (memory 1) {PADDING})",
        f'(module (import "a" "b" (func)) (import "a" "b" (func)) {PADDING})',
        f'(module (import "a" "b" (table 1 externref)) {PADDING})',
        f"(module (global v128 (v128.const i64x2 1 2)) {PADDING})",
        f"(module (tag) {PADDING})",
        f"(module (type (struct)) {PADDING})",
        f'(module (import "a" "b" (memory i64 1)) {PADDING})',
        f'(module (import "a" "b" (memory 1 1 shared)) {PADDING})',
        f"(module (table 1 funcref (ref.null func)) {PADDING})",
    ],
)
def test_a_module_that_is_not_understood_stays(module: str) -> None:
    data = nested(module, PLAIN)
    pieces = split(data, LEAST)
    assert [part.data[:60] for part in pieces.parts] == [compiled(PLAIN)[:60]]


def test_a_module_whose_type_takes_more_room_than_itself_stays() -> None:
    data = nested('(module (func (export "f")))')
    assert split(data, 1).parts == ()


@pytest.mark.parametrize(
    "around",
    [
        "(core type (func))",
        '(core type $m (module)) (import "m" (core module (type $m)))',
        "(component (core type $t (module)) (component (alias outer 1 0 (core type))))",
        '(import "perdure:part/x" (func))',
    ],
)
def test_a_component_that_could_mean_something_else_then_is_left_whole(around: str) -> None:
    try:
        data = nested(PLAIN, around=around)
    except wasmtime.WasmtimeError:
        data = compiled(f"(component {around} (core {PLAIN[1:]})")
    assert split(data, LEAST).parts == ()


def test_what_would_become_valid_stays_invalid() -> None:
    # It names a core type that there is not, but would be if the import of a part brought one along.
    alias = bytes([6, 6, 1, 0x00, 0x10, 0x02, 0, 0])  # a section with one alias: the first core type of this component
    data = nested(PLAIN) + alias
    assert not is_accepted(data)
    assert split(data, LEAST).parts == ()
    assert is_accepted(nested(PLAIN, around="(core type (func))") + alias), "it is an alias"


def test_hostile_counts_cost_no_time() -> None:
    """The bounds are counts, so that no clock is needed: what is beyond them stays."""
    functions = nested(f"(module {'(func)' * 110_000} {PADDING})", PLAIN)
    assert len(split(functions, LEAST).parts) == 1
    sections = nested(PLAIN) + b"\0\1\0" * 10_000
    assert split(sections, LEAST).parts == ()
    assert is_accepted(sections)
    many = nested(*(f'(module (func (export "f{number}")) {PADDING})' for number in range(20)))
    assert len(split(many, LEAST).parts) == 16
    assert are_accepted(many)


@pytest.mark.parametrize("data", [b"", b"\0asm", compiled(PLAIN), compiled("(component)"), b"\0asm\x0d\0\1\0\1\xff"])
def test_what_has_no_parts(data: bytes) -> None:
    assert split(data, 0).rest == data
    assert split(data, 0).parts == ()


def test_whoever_compiles_gets_pieces_and_can_keep_them() -> None:
    data, engine = with_library(), new_engine(64 * 1024)
    code = compile_code(engine, data, LEAST)
    assert isinstance(code, SplitCode)
    assert imported_parts(engine, code.component).keys() == code.parts.keys()
    kept = code.serialize()
    code.close()
    again = deserialise(new_engine(64 * 1024), read_file(data), kept)
    assert isinstance(again, SplitCode)
    assert isinstance(compile_code(engine, data), component.Component)


@pytest.mark.parametrize("damage", ["cut", "without a part", "another part"])
def test_pieces_that_do_not_belong_together_are_refused(damage: str) -> None:
    data, engine = with_library(), new_engine(64 * 1024)
    kept = bytes(compile_code(engine, data, LEAST).serialize())
    bad = {
        "cut": lambda: kept[:-1],
        "without a part": lambda: part_code(kept).main,
        "another part": lambda: b"url=<perdure:parT/".join(kept.rsplit(b"url=<perdure:part/", 1)),
    }[damage]()
    with pytest.raises(wasmtime.WasmtimeError):
        deserialise(engine, read_file(data), bad)


def test_what_is_wrong_with_a_part_is_told_of_the_whole() -> None:
    data = bytearray(nested(PLAIN))
    place = data.index(compiled(PLAIN)[8:]) + 4  # the type of its function
    data[place - 1 : place] = b"\x7b" if data[place - 1] != 0x7B else b"\x7a"
    said = []
    for least in (LEAST, LEAST_PART_BYTES):
        with pytest.raises(InvalidWasm) as failure:
            compile_code(new_engine(64 * 1024), bytes(data), least)
        said.append(str(failure.value))
    assert said[0] == said[1]


SOURCES = (
    with_library(),
    nested(PLAIN, f'(module (import "a" "b" (global i64)) (global (export "g") i32 (i32.const -1)) {PADDING})'),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SOURCES), st.integers(0, 2**32), st.integers(1, 4))
def test_damaged_bytes_are_taken_apart_or_left_and_mean_the_same(source: bytes, seed: int, changes: int) -> None:
    """Pieces are accepted exactly when the whole is, and start in the same way."""
    chance, data = random.Random(seed), bytearray(source)
    steps: tuple[Callable[[int], None], ...] = (
        lambda at: data.__setitem__(at, chance.randrange(256)),
        lambda at: data.__setitem__(at, data[at] ^ 1 << chance.randrange(8)),
        lambda at: data.__delitem__(slice(at, at + chance.randrange(1, 4))),
        lambda at: data.insert(at, chance.randrange(256)),
    )
    plain = [place for place in range(8, len(data)) if data[place] != ord("x")]
    for _ in range(changes):
        chance.choice(steps)(min(chance.choice(plain), len(data) - 1))
    damaged = bytes(data)
    assert are_accepted(damaged) == is_accepted(damaged)
    if is_accepted(damaged):
        engine = new_engine(64 * 1024)
        pieces = compile_code(engine, damaged, LEAST)
        assert start_of(pieces, engine) == start_of(component.Component(engine, damaged), engine)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SOURCES), st.data())
def test_a_component_that_is_cut_off_is_no_crash(source: bytes, data: st.DataObject) -> None:
    cut = source[: data.draw(st.integers(0, len(source) - 1))]
    assert len(split(cut, LEAST).rest) == len(cut)
    try:
        read_file(cut)
    except ModuleError:
        assert split(cut, LEAST).parts == ()
