"""Values of the component model between Python and wasmtime's C API (``wasmtime/component/val.h``).

Straight on the memory of C: wasmtime-py's converters ask for every value's type anew, at some 40 µs a call. A value is
32 bytes: its kind, and at offset 8 what it is. The types are ours, and a value that is not of the type that we expect
is no value of the guest's but a component that was not checked: `ValueMismatch`.

C owns what a function is given and what it gave. What Python hands over is made by C's own allocator.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable, Sequence
from ctypes import c_char_p, c_size_t, c_void_p
from typing import Any, Final

from wasmtime import _ffi as ffi

from perdure.runtime.wasm.c_api import PROCESS_MEMORY, holding_gil
from perdure.runtime.wasm.wit import (
    Case,
    EnumType,
    Err,
    ListType,
    Ok,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    ValueMismatch,
    VariantType,
    WitType,
)

VALUE_BYTES: Final = ctypes.sizeof(ffi.wasmtime_component_val_t)
_ENTRY_BYTES: Final = ctypes.sizeof(ffi.wasmtime_component_valrecord_entry_t)
_NAME_BYTES: Final = 16
_AT: Final = 8  # where a value's content begins

_BOOL: Final = int(ffi.WASMTIME_COMPONENT_BOOL.value)
_U64: Final = int(ffi.WASMTIME_COMPONENT_U64.value)
_F32: Final = int(ffi.WASMTIME_COMPONENT_F32.value)
_STRING: Final = int(ffi.WASMTIME_COMPONENT_STRING.value)
_LIST: Final = int(ffi.WASMTIME_COMPONENT_LIST.value)
_RECORD: Final = int(ffi.WASMTIME_COMPONENT_RECORD.value)
_VARIANT: Final = int(ffi.WASMTIME_COMPONENT_VARIANT.value)
_ENUM: Final = int(ffi.WASMTIME_COMPONENT_ENUM.value)
_OPTION: Final = int(ffi.WASMTIME_COMPONENT_OPTION.value)
_RESULT: Final = int(ffi.WASMTIME_COMPONENT_RESULT.value)

_unpack_pair: Final = struct.Struct("<QQ").unpack_from
_unpack_bytes: Final = struct.Struct("<QQQ").unpack_from
_unpack_pointer: Final = struct.Struct("<Q").unpack_from
_unpack_f32: Final = struct.Struct("<f").unpack_from
_pack_bool: Final = struct.Struct("<B7xB").pack
_pack_u64: Final = struct.Struct("<B7xQ").pack
_pack_f32: Final = struct.Struct("<B7xf").pack
_pack_kind: Final = struct.Struct("<B7x").pack
_pack_option: Final = struct.Struct("<B7xQ").pack
_pack_result: Final = struct.Struct("<B7xB7xQ").pack
_pack_pointer: Final = struct.Struct("<Q").pack

_bytes_new = holding_gil("wasm_byte_vec_new", None, c_void_p, c_size_t, c_char_p)
_value_new = holding_gil("wasmtime_component_val_new", c_void_p, c_void_p)
_value_delete = holding_gil("wasmtime_component_val_delete", None, c_void_p)
_record_new = holding_gil("wasmtime_component_valrecord_new_uninit", None, c_void_p, c_size_t)
_list_new = holding_gil("wasmtime_component_vallist_new_uninit", None, c_void_p, c_size_t)

# A value's 32 bytes stand at this offset of the block.
Reader = Callable[[bytes, int], Any]
# Writes a value to this address, whose 32 bytes hold nothing that would have to be freed.
Writer = Callable[[int, Any], None]


def reader(kind: WitType) -> Reader:
    """What reads values of this type out of copied bytes; what these point to is C's, and has to live still."""
    match kind:
        case Primitive.STRING:
            return _read_string
        case Primitive.U64:
            return _scalar(kind, _U64, _unpack_pointer)
        case Primitive.F32:
            return _scalar(kind, _F32, _unpack_f32)
        case Primitive.BOOL:
            return _read_bool
        case EnumType():
            return _enum_reader(kind)
        case OptionType():
            return _option_reader(kind)
        case ResultType():
            return _result_reader(kind)
        case RecordType():
            return _record_reader(kind)
        case ListType():
            return _list_reader(kind)
        case VariantType():
            return _variant_reader(kind)
    raise ValueError(f"no values of type {kind} can be read")


def writer(kind: WitType) -> Writer:
    """What writes values of this type."""
    match kind:
        case Primitive.STRING:
            return _write_string
        case Primitive.U64:
            return lambda address, value: _put(address, _pack_u64(_U64, value))
        case Primitive.F32:
            return lambda address, value: _put(address, _pack_f32(_F32, value))
        case Primitive.BOOL:
            return lambda address, value: _put(address, _pack_bool(_BOOL, value))
        case EnumType():
            return _write_enum
        case OptionType():
            return _option_writer(kind)
        case ResultType():
            return _result_writer(kind)
        case RecordType():
            return _record_writer(kind)
        case ListType():
            return _list_writer(kind)
        case VariantType():
            return _variant_writer(kind)
    raise ValueError(f"no values of type {kind} can be written")


class Values:
    """Room for some values that Python hands over or gets; `release` frees what they hold."""

    def __init__(self, count: int) -> None:
        self._room = (ctypes.c_uint8 * (count * VALUE_BYTES))()
        self.address = ctypes.addressof(self._room)
        self.count = count

    def write(self, writers: Iterable[Writer], values: Sequence[Any]) -> None:
        """Fill the room from its start."""
        for index, (write, value) in enumerate(zip(writers, values, strict=True)):
            write(self.address + index * VALUE_BYTES, value)

    def read(self, read: Reader) -> Any:
        """The first value."""
        return read(bytes(self._room), 0)

    def release(self) -> None:
        """Free what the values hold. Once."""
        for index in range(self.count):
            _value_delete(self.address + index * VALUE_BYTES)


# --- reading ---------------------------------------------------------------------------------------------------------


def _copy(address: int, size: int) -> bytes:
    copied: bytes = PROCESS_MEMORY[address : address + size]
    return copied


def _text(size: int, pointer: int) -> str:
    # wasmtime has checked that it is UTF-8: it is a String of Rust.
    return PROCESS_MEMORY[pointer : pointer + size].decode() if size else ""


def _read_string(block: bytes, offset: int) -> str:
    if block[offset] != _STRING:
        raise ValueMismatch(Primitive.STRING, block[offset])
    size, pointer = _unpack_pair(block, offset + _AT)
    return _text(size, pointer)


def _read_bool(block: bytes, offset: int) -> bool:
    if block[offset] != _BOOL:
        raise ValueMismatch(Primitive.BOOL, block[offset])
    return block[offset + _AT] != 0


def _scalar(kind: WitType, number: int, unpack: Callable[[bytes, int], tuple[Any, ...]]) -> Reader:
    def read(block: bytes, offset: int) -> Any:
        if block[offset] != number:
            raise ValueMismatch(kind, block[offset])
        return unpack(block, offset + _AT)[0]

    return read


def _enum_reader(kind: EnumType) -> Reader:
    names = frozenset(kind.names)

    def read(block: bytes, offset: int) -> str:
        if block[offset] != _ENUM:
            raise ValueMismatch(kind, block[offset])
        name = _text(*_unpack_pair(block, offset + _AT))
        if name not in names:
            raise ValueMismatch(kind, _ENUM)
        return name

    return read


def _boxed(read: Reader | None, pointer: int) -> Any:
    return None if read is None or not pointer else read(_copy(pointer, VALUE_BYTES), 0)


def _option_reader(kind: OptionType) -> Reader:
    some = reader(kind.some)

    def read(block: bytes, offset: int) -> Any:
        if block[offset] != _OPTION:
            raise ValueMismatch(kind, block[offset])
        return _boxed(some, _unpack_pointer(block, offset + _AT)[0])

    return read


def _result_reader(kind: ResultType) -> Reader:
    ok = None if kind.ok is None else reader(kind.ok)
    err = None if kind.err is None else reader(kind.err)

    def read(block: bytes, offset: int) -> Ok | Err:
        if block[offset] != _RESULT:
            raise ValueMismatch(kind, block[offset])
        (pointer,) = _unpack_pointer(block, offset + _AT + 8)
        return Ok(_boxed(ok, pointer)) if block[offset + _AT] else Err(_boxed(err, pointer))

    return read


def _record_reader(kind: RecordType) -> Reader:
    fields = [(index * _ENTRY_BYTES + _NAME_BYTES, reader(of)) for index, (_, of) in enumerate(kind.fields)]

    def read(block: bytes, offset: int) -> tuple[Any, ...]:
        if block[offset] != _RECORD:
            raise ValueMismatch(kind, block[offset])
        size, pointer = _unpack_pair(block, offset + _AT)
        if size != len(fields):
            raise ValueMismatch(kind, _RECORD)
        entries = _copy(pointer, size * _ENTRY_BYTES)
        return tuple(read_field(entries, start) for start, read_field in fields)

    return read


def _list_reader(kind: ListType) -> Reader:
    element = reader(kind.element)

    def read(block: bytes, offset: int) -> list[Any]:
        if block[offset] != _LIST:
            raise ValueMismatch(kind, block[offset])
        size, pointer = _unpack_pair(block, offset + _AT)
        elements = _copy(pointer, size * VALUE_BYTES) if size else b""
        return [element(elements, start) for start in range(0, len(elements), VALUE_BYTES)]

    return read


def _variant_reader(kind: VariantType) -> Reader:
    cases = {name: None if of is None else reader(of) for name, of in kind.cases}

    def read(block: bytes, offset: int) -> Case:
        if block[offset] != _VARIANT:
            raise ValueMismatch(kind, block[offset])
        size, name_at, pointer = _unpack_bytes(block, offset + _AT)
        name = _text(size, name_at)
        if name not in cases:
            raise ValueMismatch(kind, _VARIANT)
        return Case(name, _boxed(cases[name], pointer))

    return read


# --- writing ---------------------------------------------------------------------------------------------------------


def _put(address: int, data: bytes) -> None:
    ctypes.memmove(address, data, len(data))


def _write_name(address: int, name: str) -> None:
    encoded = name.encode()
    _bytes_new(address, len(encoded), encoded)


def _write_string(address: int, value: str) -> None:
    _put(address, _pack_kind(_STRING))
    _write_name(address + _AT, value)


def _write_enum(address: int, value: str) -> None:
    _put(address, _pack_kind(_ENUM))
    _write_name(address + _AT, value)


def _box(write: Writer | None, value: Any) -> int:
    if write is None:
        return 0
    room = (ctypes.c_uint8 * VALUE_BYTES)()
    write(ctypes.addressof(room), value)
    return int(_value_new(ctypes.addressof(room)))  # C takes over what it holds


def _option_writer(kind: OptionType) -> Writer:
    some = writer(kind.some)

    def write(address: int, value: Any) -> None:
        _put(address, _pack_option(_OPTION, 0 if value is None else _box(some, value)))

    return write


def _result_writer(kind: ResultType) -> Writer:
    ok = None if kind.ok is None else writer(kind.ok)
    err = None if kind.err is None else writer(kind.err)

    def write(address: int, value: Ok | Err) -> None:
        is_ok = isinstance(value, Ok)
        _put(address, _pack_result(_RESULT, is_ok, _box(ok if is_ok else err, value.value)))

    return write


def _record_writer(kind: RecordType) -> Writer:
    fields = [(name, writer(of)) for name, of in kind.fields]

    def write(address: int, value: Sequence[Any]) -> None:
        _put(address, _pack_kind(_RECORD))
        _record_new(address + _AT, len(fields))
        (entry,) = _unpack_pointer(_copy(address + _AT + 8, 8), 0)
        for (name, write_field), field in zip(fields, value, strict=True):
            _write_name(entry, name)
            write_field(entry + _NAME_BYTES, field)
            entry += _ENTRY_BYTES

    return write


def _list_writer(kind: ListType) -> Writer:
    element = writer(kind.element)

    def write(address: int, value: Sequence[Any]) -> None:
        _put(address, _pack_kind(_LIST))
        _list_new(address + _AT, len(value))
        (at,) = _unpack_pointer(_copy(address + _AT + 8, 8), 0)
        for item in value:
            element(at, item)
            at += VALUE_BYTES

    return write


def _variant_writer(kind: VariantType) -> Writer:
    cases = {name: None if of is None else writer(of) for name, of in kind.cases}

    def write(address: int, value: Case) -> None:
        _put(address, _pack_kind(_VARIANT))
        _write_name(address + _AT, value.name)
        _put(address + _AT + _NAME_BYTES, _pack_pointer(_box(cases[value.name], value.value)))

    return write
