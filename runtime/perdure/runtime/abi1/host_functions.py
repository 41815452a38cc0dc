"""The nine functions that a guest may call, between its memory and a `GuestHost`.

They check form (pointers, lengths, UTF-8, the job's own id, sizes) and raise what they find. No exception may travel
on into wasmtime, which would carry it through a process-global variable into whichever guest fails next (measured on
wasmtime-py 50): the boundary gives each to `HostFunctions.stop` (a `perdure.runtime.wasm.boundary.protocol.Guard`).
There it is kept, and the guest is stopped by taking its fuel away. Where it is not trapped at once it may still run
straight on to other host calls before its next fuel check, and even return: so a stopped guest is not served, and what
stopped it counts more than how it then ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from perdure.actors.guest import GuestHost
from perdure.runtime.abi1.allocator import GuestAllocator
from perdure.runtime.abi1.interface import HOST_IMPORTS, IMPORT_MODULE
from perdure.runtime.abi1.memory import GuestMemory
from perdure.runtime.guests.failure import ResourceUse, SizeLimit, abi_violation
from perdure.runtime.guests.instance import Phase
from perdure.runtime.guests.job_types import JobRegistry
from perdure.runtime.guests.program_log import ProgramLog
from perdure.runtime.wasm.boundary.protocol import ImportedFunction
from perdure.runtime.wasm.sandbox import Sandbox

_ERROR: Final = 3

# Answered without asking the host: the operation was not run. The ABI's code for text that is not UTF-8.
_NOT_UTF8: Final = b'{"error": "the %s is not UTF-8", "code": "invalid_payload"}'


class HostFunctions:
    """The state behind the imports of one instance: each method named like an import is that import's body."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        extension: str,
        job_id: UUID | None,
        payload_bytes: int,
        checkpoint_bytes: int,
        registry: JobRegistry,
    ) -> None:
        self._sandbox = sandbox
        self._fuel_used = sandbox.fuel_used
        self._program_log = ProgramLog(extension)
        self._job_id = job_id.bytes if job_id is not None else b""
        self._payload = SizeLimit("payload_size", "payload_bytes", payload_bytes)
        self._checkpoint = SizeLimit("checkpoint_size", "checkpoint_bytes", checkpoint_bytes)
        self._registry = registry
        self._memory: GuestMemory | None = None
        self._allocator: GuestAllocator | None = None
        self._answer_room: Callable[[], ResourceUse] | None = None
        self._host: GuestHost | None = None
        self._served: tuple[GuestHost, GuestMemory] | None = None  # both, while the job itself runs
        self._phase = Phase.START
        self.stopped_by: BaseException | None = None
        self.stopped_in = ""
        self.last_words = ""  # what a job logged as an error: a result of 2 has no words of its own

    def attach(
        self, memory: GuestMemory, allocator: GuestAllocator | None, answer_room: Callable[[], ResourceUse]
    ) -> None:
        """Take the memory, once there is an instance. ``answer_room`` tells how much of it is left for answers."""
        self._memory, self._allocator, self._answer_room = memory, allocator, answer_room

    def serve(self, host: GuestHost) -> None:
        """Take the host of the job that is about to run."""
        self._host = host

    @property
    def phase(self) -> Phase:
        """What the guest is doing."""
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._phase = phase
        host, memory = self._host, self._memory
        if phase is Phase.RUN and host is not None and memory is not None:
            self._served = host, memory
        else:
            self._served = None

    def forget(self) -> None:
        """Let go of everything that refers back here, so that it is freed at once."""
        self._memory = self._allocator = self._answer_room = self._host = self.stopped_by = None
        self.phase = Phase.DONE

    def imports(self, names: Iterable[str]) -> list[ImportedFunction]:
        """The named imports, for a sandbox. Each costs time, so only what the module needs."""
        return [
            ImportedFunction(
                IMPORT_MODULE, name, HOST_IMPORTS[name].signature, getattr(self, name), HOST_IMPORTS[name].when_stopped
            )
            for name in names
        ]

    def stop(self, cause: BaseException, function: str) -> None:
        """Stop the guest because of ``cause``. The first cause stays."""
        if self.stopped_by is None:
            self.stopped_by, self.stopped_in = cause, function
        self._sandbox.halt()

    # --- the imports -------------------------------------------------------------------------------------------------

    def spacedrive_call(
        self, method_ptr: int, method_len: int, library_id_ptr: int, payload_ptr: int, payload_len: int
    ) -> int:
        """Run an operation; a pointer to the answer."""
        host, memory = self._serving("spacedrive_call")
        method = _read(memory, self._payload, "spacedrive_call", "method_", method_ptr, method_len)
        library_id = None
        if library_id_ptr:
            library_id = UUID(bytes=memory.read_exactly("spacedrive_call", "library_id_ptr", library_id_ptr, 16))
        payload = _read(memory, self._payload, "spacedrive_call", "payload_", payload_ptr, payload_len)
        if not _is_utf8(method):
            return self._deliver(_NOT_UTF8 % b"method")
        if not _is_utf8(payload):
            return self._deliver(_NOT_UTF8 % b"payload")
        return self._deliver(host.call(self._fuel_used(), method.decode(), library_id, payload))

    def spacedrive_log(self, level: int, ptr: int, length: int) -> None:
        """Write to the job's log; before and after the job, to the program's."""
        if self.phase is Phase.RUN:
            host, memory = self._serving("spacedrive_log")
        elif self.phase in (Phase.INIT, Phase.CLEANUP) and self._memory is not None:
            host, memory = None, self._memory
        else:
            raise self._not_now("spacedrive_log")
        if not 0 <= level <= 3:
            raise abi_violation("spacedrive_log", "level", level, "levels are 0 to 3")
        # The ABI calls these arguments just `ptr` and `len`.
        message = _read(memory, self._payload, "spacedrive_log", "", ptr, length)
        text = message.decode("utf-8", "replace")
        if host is None:
            self._program_log.write(level, text)
        else:
            if level == _ERROR:
                self.last_words = text
            host.log(self._fuel_used(), level, text)

    def job_report_progress(self, job_id_ptr: int, progress: float, message_ptr: int, message_len: int) -> None:
        """Report a fraction."""
        host, memory = self._serving("job_report_progress")
        self._check_job(memory, "job_report_progress", job_id_ptr)
        message = _read(memory, self._payload, "job_report_progress", "message_", message_ptr, message_len)
        host.report_progress(self._fuel_used(), progress, message.decode("utf-8", "replace"))

    def job_checkpoint(self, job_id_ptr: int, state_ptr: int, state_len: int) -> int:
        """Save the state."""
        host, memory = self._serving("job_checkpoint")
        self._check_job(memory, "job_checkpoint", job_id_ptr)
        state = _read(memory, self._checkpoint, "job_checkpoint", "state_", state_ptr, state_len)
        return 0 if host.checkpoint(self._fuel_used(), state) else 1

    def job_check_interrupt(self, job_id_ptr: int) -> int:
        """Ask whether to go on."""
        host, memory = self._serving("job_check_interrupt")
        self._check_job(memory, "job_check_interrupt", job_id_ptr)
        return int(host.check_interrupt(self._fuel_used()))

    def job_add_warning(self, job_id_ptr: int, message_ptr: int, message_len: int) -> None:
        """Add a warning."""
        host, memory = self._serving("job_add_warning")
        self._check_job(memory, "job_add_warning", job_id_ptr)
        message = _read(memory, self._payload, "job_add_warning", "message_", message_ptr, message_len)
        host.add_warning(self._fuel_used(), message.decode("utf-8", "replace"))

    def job_increment_bytes(self, job_id_ptr: int, count: int) -> None:
        """Count bytes."""
        host, memory = self._serving("job_increment_bytes")
        self._check_job(memory, "job_increment_bytes", job_id_ptr)
        if count < 0:
            raise abi_violation("job_increment_bytes", "bytes", count, "what was done cannot be less than nothing")
        host.increment_bytes(self._fuel_used(), count)

    def job_increment_items(self, job_id_ptr: int, count: int) -> None:
        """Count items."""
        host, memory = self._serving("job_increment_items")
        self._check_job(memory, "job_increment_items", job_id_ptr)
        if count < 0:
            raise abi_violation("job_increment_items", "count", count, "what was done cannot be less than nothing")
        host.increment_items(self._fuel_used(), count)

    def register_job(self, name_ptr: int, name_len: int, export_ptr: int, export_len: int, resumable: int) -> int:
        """Offer a job type; refused once ``plugin_init`` is over."""
        if self.phase in (Phase.RUN, Phase.CLEANUP):
            return 1
        if self.phase is not Phase.INIT or self._memory is None:
            raise self._not_now("register_job")
        raw_name = _read(self._memory, self._payload, "register_job", "name_", name_ptr, name_len)
        raw_export = _read(self._memory, self._payload, "register_job", "export_", export_ptr, export_len)
        # What is not UTF-8 becomes a bad name, and is refused as one.
        name, export = raw_name.decode("utf-8", "replace"), raw_export.decode("utf-8", "replace")
        refusal = self._registry.register(name, export, resumable=resumable != 0)
        if refusal:
            self._program_log.write(2, f"job {name[:100]!r} ({export[:100]!r}) was refused: {refusal}")
        return 1 if refusal else 0

    # --- what they share ---------------------------------------------------------------------------------------------

    def _serving(self, function: str) -> tuple[GuestHost, GuestMemory]:
        if self._served is None:
            raise self._not_now(function)
        return self._served

    def _not_now(self, function: str) -> Exception:
        return abi_violation(function, "call", self.phase.value, "this call is not allowed there")

    def _check_job(self, memory: GuestMemory, function: str, job_id_ptr: int) -> None:
        found = memory.read_exactly(function, "job_id_ptr", job_id_ptr, 16)
        if found != self._job_id:
            raise abi_violation(function, "job_id_ptr", str(UUID(bytes=found)), "it is not the running job's id")

    def _deliver(self, answer: bytes) -> int:
        """Put an answer into the guest's memory.

        A guest whose allocator answers 0 while its memory is at its limit gets 0: no answer can be delivered, and it
        may know what to do. With memory left, 0 is a broken allocator.
        """
        if self._allocator is None or self._memory is None or self._answer_room is None:
            raise abi_violation("wasm_alloc", "call", "missing", "the module exports no such function")
        size = len(answer) + 1
        pointer = self._allocator.allocate(size)
        if pointer is None:
            if self._answer_room().is_short_of_memory(size):
                return 0
            raise abi_violation("wasm_alloc", "result", 0, f"no {size} bytes, though there is memory left")
        self._memory.write(pointer, answer + b"\0")
        return pointer


def _read(memory: GuestMemory, limit: SizeLimit, function: str, prefix: str, pointer: int, length: int) -> bytes:
    if length > limit.value:
        # First that the bytes exist (without a copy): a length that is a lie is no large payload.
        memory.check(function, prefix, pointer, length)
        raise limit.exceeded(function, length)
    return memory.read(function, prefix, pointer, length)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
