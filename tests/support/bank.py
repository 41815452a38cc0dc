"""Accounts in rows, transfers between them, and the proof that these happened one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from perdure.actors import OperationFailed
from perdure.runtime import Runtime
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.store import EventStore
from perdure.store.events import ActionAnswered, HostActionAnswered, Inline

ACCOUNTS: Final = ("a", "b", "c")
OPENING: Final = 100  # in each account, before the first transfer
TOTAL: Final = OPENING * len(ACCOUNTS)
METHODS: Final = ("action:bank.transfer", "query:bank.audit")


class Transfer(msgspec.Struct, frozen=True):
    """``note`` makes a transfer differ from others like it."""

    source: str
    target: str
    amount: int
    note: str = ""


class Transferred(msgspec.Struct, frozen=True):
    """What is in the two accounts now."""

    source: int
    target: int


class Nothing(msgspec.Struct):
    """No request."""


class Audit(msgspec.Struct, frozen=True):
    """What is in all accounts."""

    total: int


@action("bank.transfer", effect=Effect.TRANSACTIONAL)
def transfer(context: CallContext, request: Transfer) -> Transferred:
    """Move an amount from one account to another, once for each effect key."""
    done = context.data.get(_done(context.effect_key))
    if done is not None:
        return msgspec.json.decode(done, type=Transferred)
    source = _balance(context, request.source) - request.amount
    if source < 0:
        raise OperationFailed("failed", f"there is not enough in account {request.source}")
    context.data.put(_account(request.source), b"%d" % source)
    target = _balance(context, request.target) + request.amount
    context.data.put(_account(request.target), b"%d" % target)
    answer = Transferred(source if request.source != request.target else target, target)
    context.data.put(_done(context.effect_key), msgspec.json.encode(answer))
    context.publish("transferred", request)
    return answer


@query("bank.audit")
def audit(context: CallContext, request: Nothing) -> Audit:
    """Add up all accounts."""
    return Audit(sum(_balance(context, account) for account in ACCOUNTS))


def _account(name: str) -> bytes:
    return b"bank\0account\0" + name.encode()


def _done(effect_key: str) -> bytes:
    return b"bank\0done\0" + effect_key.encode()


def _balance(context: CallContext, account: str) -> int:
    row = context.data.get(_account(account))
    return int(row) if row is not None else OPENING


def open_bank(runtime: Runtime, transfers: Callable[..., Any] = transfer) -> None:
    """Register its operations."""
    runtime.operations.register(transfers, audit)


def balances(store: EventStore) -> dict[str, int]:
    """What the rows say."""
    rows = {name: store.row(_account(name)) for name in ACCOUNTS}
    return {name: int(row.value) if row is not None else OPENING for name, row in rows.items()}


def outcomes(store: EventStore) -> Iterator[ActionAnswered | HostActionAnswered]:
    """The transfers that were made, in the order of the log."""
    for stored in store.read_all():
        event = stored.event
        if isinstance(event, ActionAnswered | HostActionAnswered) and event.method == METHODS[0] and not event.code:
            yield event


def made(store: EventStore) -> dict[str, Transfer]:
    """Each effect and what it was.

    Raises:
        AssertionError: the effects are not those of transfers made one after the other, in the order of the log.
    """
    there = dict.fromkeys(ACCOUNTS, OPENING)
    effects: dict[str, Transfer] = {}
    for outcome in outcomes(store):
        assert isinstance(outcome.payload, Inline)
        assert isinstance(outcome.answer, Inline)
        request = msgspec.json.decode(outcome.payload.data, type=Transfer)
        if outcome.effect_key in effects:
            assert effects[outcome.effect_key] == request
            assert outcome.writes == (), "an effect was made twice"
            continue
        effects[outcome.effect_key] = request
        there[request.source] -= request.amount
        there[request.target] += request.amount
        said = json.loads(outcome.answer.data)
        assert said == {"source": there[request.source], "target": there[request.target]}
        assert min(there.values()) >= 0
    assert balances(store) == there
    assert sum(there.values()) == TOTAL
    published = [stored for stored in store.read_all() if stored.stream.startswith("library:")]
    assert len(published) == len(effects), "what was published, and what was done, differ"
    return effects
