"""The family ``credentials``: all of its handlers, around one `Sealer`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from perdure.actors.clock import Clock
from perdure.runtime.credentials.audit_operations import audit_operations
from perdure.runtime.credentials.code_operations import code_operations
from perdure.runtime.credentials.generate_operations import generate_operations
from perdure.runtime.credentials.operations import credential_operations
from perdure.runtime.credentials.records import Sealer
from perdure.runtime.credentials.share_operations import share_operations
from perdure.runtime.extension_info import is_installed
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.event_store import EventStore


def credential_family(
    store: EventStore,
    keychain: Keychain,
    call: Callable[..., Any],
    hosts_of: Callable[[str], HostRules],
    http: HttpSettings,
    clock: Clock,
) -> list[Callable[..., Any]]:
    """The handlers to register; see the modules that they are from."""
    sealer = Sealer(keychain)
    return [
        *credential_operations(store, sealer, call, hosts_of, http, clock),
        *generate_operations(keychain, clock, sealer),
        *code_operations(clock, sealer),
        *share_operations(clock, partial(is_installed, store)),
        *audit_operations(store),
    ]
