"""The one place where a call is checked: its name, the permissions, the library, the rate limit, the registry."""

from __future__ import annotations

import threading

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.hooks import ActorHooks
from perdure.actors.messages import OperationCall
from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.registry import CallContext, OperationRegistry
from perdure.runtime.permissions import Permissions, operation_name
from perdure.runtime.rate_limit import RateLimiter


class _Grant(msgspec.Struct):
    permissions: Permissions
    limiter: RateLimiter


class OperationService:
    """Checks and runs operation calls for the router (`perdure.actors.operations.Operations`).

    An extension without a grant may call nothing.
    """

    def __init__(self, registry: OperationRegistry, hooks: ActorHooks, clock: Clock) -> None:
        self._registry = registry
        self._hooks = hooks
        self._clock = clock
        self._grants: dict[str, _Grant] = {}
        # Decisions are made on the router's thread, but a scrape and a load come from elsewhere.
        self._lock = threading.Lock()

    def grant(self, extension: str, permissions: Permissions, requests_per_minute: int) -> None:
        """Set what an extension may do. The same rate limit keeps its count: a reload refills nothing."""
        with self._lock:
            known = self._grants.get(extension)
            if known is not None and known.limiter.limit == requests_per_minute:
                known.permissions = permissions
            else:
                self._grants[extension] = _Grant(permissions, RateLimiter(requests_per_minute))

    def rate_limit_remaining(self) -> dict[str, float]:
        """Requests that each extension may make at this moment."""
        now = self._clock.monotonic()
        with self._lock:
            return {extension: float(grant.limiter.remaining(now)) for extension, grant in self._grants.items()}

    def admit(self, call: OperationCall) -> str:
        """See `Operations.admit`."""
        name = operation_name(call.method)
        if name is None:
            raise OperationFailed("unknown_method", "there is no such operation; names are query:… or action:…")
        with self._lock:
            grant = self._grants.get(call.extension)
            if grant is None or not grant.permissions.allows(name):
                raise OperationFailed("permission_denied", f"the manifest's methods do not allow {name}")
            if not grant.permissions.allows_library(call.library_id):
                raise OperationFailed("library_denied", f"the manifest's libraries do not allow {call.library_id}")
            decision = grant.limiter.decide(self._clock.monotonic())
        self._hooks.rate_limited(call.extension, decision.allowed)
        if not decision.allowed:
            limit = grant.limiter.limit
            raise OperationFailed(
                "rate_limited", f"more than {limit} requests a minute; try again in {decision.retry_after_ms} ms"
            )
        operation = self._registry.get(name)
        if operation is None:
            raise OperationFailed("unknown_method", f"there is no operation {name}")
        return str(operation.name)

    def run(self, call: OperationCall) -> bytes:
        """See `Operations.run`."""
        name = operation_name(call.method)
        operation = self._registry.get(name) if name is not None else None
        if operation is None:
            raise OperationFailed("unknown_method", "there is no such operation")
        return operation.run(CallContext(call.extension, call.job_id, call.library_id), call.payload)
