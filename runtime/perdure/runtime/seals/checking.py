"""Checks a log against the seals in it, and against one that was kept elsewhere.

Whoever can write to the log, but has not the private key, cannot change, remove or add an event that is sealed without
being found. Cutting off the newest seals together with what they seal is found by a seal that was kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from perdure.runtime.seals.errors import InvalidSeal
from perdure.runtime.seals.seal_file import SealFile, check_seal_file, read_seal_file
from perdure.runtime.seals.sealed_log import SealedLog, changed_ends, log_identity, runtime_events
from perdure.runtime.seals.signing import read_public_key
from perdure.runtime.secrets.errors import SecretsError
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import RUNTIME_STREAM, HeadsSealed, SealKeyIntroduced
from perdure.store.export import timestamp
from perdure.store.integrity import Report
from perdure.store.seals.comparison import SealedEnd, SealedMoment
from perdure.store.seals.ends import StreamSeal
from perdure.store.seals.statement import Statement, introduction_of

_SEALS = "the seals"


class SealWitness:
    """What the seals say of the ends of streams (`perdure.store.integrity.Witness`).

    Args:
        seal: one that was kept elsewhere.
        key: a public key that is trusted.
        keychain: the keys beside the log; its key has to be the one that signs.

    Raises:
        InvalidSeal: the given seal is not what was signed, or ``key`` does not lead to it.
    """

    def __init__(
        self, *, seal: SealFile | None = None, key: bytes | None = None, keychain: Keychain | None = None
    ) -> None:
        self._seal = seal
        self._key = key
        self._keychain = keychain
        self._statement: Statement | None = check_seal_file(seal, key) if seal is not None else None

    @classmethod
    def of_files(cls, seal: Path | None, key: Path | None, data: Path) -> SealWitness:
        """The same, from files, and the keys in the data folder.

        Raises:
            SealFileFailed, InvalidSeal: they cannot be read, or hold no seal and no key.
        """
        return cls(
            seal=read_seal_file(seal) if seal is not None else None,
            key=read_public_key(key) if key is not None else None,
            keychain=Keychain.of_folder(data),
        )

    def __call__(self, store: EventStore, report: Report) -> Iterator[SealedEnd | SealedMoment]:
        """The ends; what is wrong with the seals is noted in the report."""
        yield from self._given(store, report)
        yield from self._own(store, report)

    def _given(self, store: EventStore, report: Report) -> Iterator[SealedEnd | SealedMoment]:
        if self._seal is None or self._statement is None:
            return
        statement = self._statement
        by = f"the given seal ({timestamp(statement.time)}, position {statement.position:,})"
        try:
            if log_identity(store) != statement.log:
                report.add(
                    _SEALS, f"{by} is of another log, or the stream {RUNTIME_STREAM} was replaced from its start"
                )
                return
        except StoreError as error:
            report.add(RUNTIME_STREAM, error)
            return
        if (position := store.position()) < statement.position:
            report.add("the log", f"it ends at position {position:,}, and was longer at {by}: its tail was cut off")
        if self._key is None:
            report.notes.append(f"{by} is signed by {statement.key.hex()}; give that key, from elsewhere, with --key")
        at = statement.position
        yield SealedMoment(at, statement.streams, by)
        for end in self._seal.streams:
            yield SealedEnd(end.stream, end.number, end.sequence, end.hash, at, at, by)

    def _own(self, store: EventStore, report: Report) -> Iterator[SealedEnd | SealedMoment]:
        log = SealedLog()
        ends: dict[int, SealedEnd] = {}  # the newest of each stream
        try:
            for sequence, at, event in runtime_events(store):
                before = log.newest
                changes = self._taken(log, event, sequence, at, store, report)
                if changes is None or log.newest is None:
                    continue
                statement = log.newest.statement
                by = f"the seal of {timestamp(statement.time)} at position {statement.position:,}"
                yield SealedMoment(statement.position, statement.streams, by)
                last = before.statement.position if before is not None else 0
                for end in changes:
                    if (known := ends.get(end.number)) is not None:
                        yield replace(known, until=last)
                    ends[end.number] = SealedEnd(
                        end.stream, end.number, end.sequence, end.hash, statement.position, statement.position, by
                    )
        except StoreError as error:
            report.add(_SEALS, error)
        if log.newest is not None:
            newest = log.newest.statement.position
            yield from (replace(end, until=newest) for end in ends.values())
        self._tell(log, store, report)

    def _taken(
        self,
        log: SealedLog,
        event: SealKeyIntroduced | HeadsSealed,
        sequence: int,
        at: int,
        store: EventStore,
        report: Report,
    ) -> list[StreamSeal] | None:
        """What a seal says has changed; None for a key, and a seal that says nothing."""
        where, before = f"{RUNTIME_STREAM}, sequence {sequence}", log.newest
        changes: list[StreamSeal] | None = None
        try:
            if isinstance(event, SealKeyIntroduced):
                log.keys.add(introduction_of(event))
            else:
                listed = list(changed_ends(event, store.blobs))
                log.take(event, sequence, at, listed)
                changes = listed
                log.check(before)
        except InvalidSeal as error:
            report.add(where, str(error))  # which streams were altered is compared all the same
        return changes

    def _tell(self, log: SealedLog, store: EventStore, report: Report) -> None:
        report.seals = log.count
        self._compare_keys(log, report)
        self._follow_keys(log, report)
        for new in log.keys.begins_anew():
            where = f"at position {new.position:,}"
            report.notes.append(f"a new line of keys for seals begins {where}: no key before it signed {new.key.hex()}")
        if log.newest is None:
            if self._key is not None:
                report.add(_SEALS, f"there are none in the log, and {self._key.hex()} is said to sign them")
            report.notes.append("nothing is sealed yet: perdure log seal")
            return
        newest = log.newest.statement
        report.sealed_position, report.sealed_at = newest.position, newest.time
        if store.position() > log.newest.at or log.newest.at > newest.position + 1:
            since = timestamp(newest.time)
            report.notes.append(f"what came after position {newest.position:,} ({since}) is not sealed yet")

    def _follow_keys(self, log: SealedLog, report: Report) -> None:
        """From the trusted key to all that signed; the line is whole only when all of it was read."""
        if self._key is None:
            return
        for key, position in log.signers.items():
            if not log.keys.is_followed(key, self._key):
                what = f"from position {position:,} on they are signed by {key.hex()}, and no line of keys leads there"
                report.add(_SEALS, f"{what} from the given one, {self._key.hex()}")

    def _compare_keys(self, log: SealedLog, report: Report) -> None:
        if self._keychain is None:
            return
        try:
            own = self._keychain.seal_keys()
        except (SecretsError, StoreError) as error:
            report.notes.append(f"the key that signs could not be looked at: {error}")
            return
        if own and log.keys.current not in own:
            what = f"they are signed by {log.keys.current.hex() or 'nobody'}, and the keys folder has another key"
            report.add(_SEALS, what)
