"""``credentials.store``, ``get``, ``list``, ``delete``, ``refresh``: an extension's own, in one library.

A token that is about to expire is refreshed when somebody gets it. That changes something, so it is not done by the
query: `get` has ``action:credentials.refresh`` run for it, which is recorded among the host's calls, and whose outcome
is on disk before the new token is given out (docs/adr/0006).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from typing import Annotated, Any, Final

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.calls import answered, opened, own_place, stored_row
from perdure.runtime.credentials.capacity import one_less, one_more
from perdure.runtime.credentials.credential import Credential, Name, OAuth2
from perdure.runtime.credentials.earlier import forget_earlier
from perdure.runtime.credentials.records import CredentialPlace, CredentialRow, Sealer, place_of, prefix_of, read_row
from perdure.runtime.credentials.share_operations import readable_place
from perdure.runtime.credentials.shares import end_shares_of
from perdure.runtime.credentials.token_endpoint import MAX_ANSWER_BYTES, refreshed, request_body, request_headers
from perdure.runtime.errors import InvalidPayload, OperationError, RuntimeClosedError
from perdure.runtime.http.errors import HttpError, InvalidRequest
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.http.url import parse_url
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.data import Stale
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.runtime.secrets.errors import KeyDestroyed
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore

REFRESH_SECONDS: Final = 30.0
REFRESH: Final = "action:credentials.refresh"
CALLER: Final = "credentials"  # in the log, of the refreshes that a `get` has run


class StoreCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A credential and the name to find it by. ``extension`` says whose it is, when the host calls."""

    name: Name
    credential: Credential
    extension: str | None = None


class CredentialStored(msgspec.Struct, frozen=True):
    """``replaced``: there was one with this name."""

    replaced: bool


class NameCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one. ``extension`` says whose it is, when the host calls."""

    name: Name
    extension: str | None = None


class GetCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one. ``owner`` is the extension whose credential it is, if that shares it with the one that calls.

    ``extension`` says whose it is, when the host calls.
    """

    name: Name
    owner: str | None = None
    extension: str | None = None


class GotCredential(msgspec.Struct, frozen=True):
    """A credential; a token is valid for some time to come, unless it could not be refreshed."""

    credential: Credential


class CredentialDeleted(msgspec.Struct, frozen=True):
    """``deleted``: there was one with this name."""

    deleted: bool


class ListCredentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page: the one behind the name ``after``. ``extension`` says whose they are, when the host calls."""

    after: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    extension: str | None = None


class ListedCredential(msgspec.Struct, frozen=True):
    """What may be known of a credential without opening it. Times are in seconds since 1970."""

    name: str
    type: str
    stored_at: int
    expires_at: int | None


class CredentialsListed(msgspec.Struct, frozen=True):
    """A page, by name. ``next`` is what to give as ``after`` for the next one, None if this is the last."""

    credentials: list[ListedCredential]
    next: str | None


class CredentialRefreshed(msgspec.Struct, frozen=True):
    """``refreshed`` is false if it was not yet time. ``expires_at`` is in seconds since 1970."""

    refreshed: bool
    expires_at: int | None


class CredentialOperations:
    """The handlers.

    Args:
        store: where credentials are kept.
        sealer: seals them and opens them, one for all operations.
        call: `perdure.runtime.Runtime.call`.
        hosts_of: the hosts that an extension may reach; its token endpoints have to be among them.
        http: limits of requests, and which private networks are open.
        clock: the time.
    """

    def __init__(
        self,
        store: EventStore,
        sealer: Sealer,
        call: Callable[..., Any],
        hosts_of: Callable[[str], HostRules],
        http: HttpSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._call = call
        self._hosts_of = hosts_of
        self._http = http
        self._clock = clock
        self._sealer = sealer
        self._lock = threading.Lock()
        self._refreshes: dict[bytes, Future[None]] = {}
        self._refreshing: dict[bytes, tuple[asyncio.Lock, int]] = {}
        self._tls: ssl.SSLContext | None = None
        # What an endpoint granted and no commit has stored yet, by the sealed bytes that it was granted for.
        self._granted: dict[bytes, tuple[bytes, OAuth2]] = {}

    # --- storing and deleting ----------------------------------------------------------------------------------------

    @action("credentials.store", effect=Effect.TRANSACTIONAL)
    def store(self, context: CallContext, request: StoreCredential) -> CredentialStored:
        """Store a credential under a name, in the place of one that is there."""
        place = own_place(context, request.name, request.extension)
        if isinstance(request.credential, OAuth2) and request.credential.token_url is not None:
            _check_url(request.credential.token_url)
        with answered(context):
            row = stored_row(context, place)
            if row is None:
                one_more(context.data, place.extension)
            context.key = self._sealer.key_for(place, row)
            try:
                value = self._sealer.seal(place, context.key, request.credential, self._now())
            except KeyDestroyed:
                raise Stale from None  # it is being deleted at this moment: what is stored now comes after that
            context.data.put(place.row, value)
        return CredentialStored(row is not None)

    @action("credentials.delete", effect=Effect.IDEMPOTENT)
    def delete(self, context: CallContext, request: NameCredential) -> CredentialDeleted:
        """Erase a credential: it, and what the log holds of it, cannot be opened any more by anybody."""
        place = own_place(context, request.name, request.extension)
        with answered(context):
            row = stored_row(context, place)
            if row is None:
                return CredentialDeleted(False)
            # First the key: from here on it is erased, whatever happens. The row goes with the outcome.
            self._sealer.destroy(place, row)
            self._granted.pop(place.row, None)
            context.data.delete(place.row)
            forget_earlier(context.data, place)
            end_shares_of(context.data, place)
            one_less(context.data, place.extension)
        return CredentialDeleted(True)

    # --- getting -----------------------------------------------------------------------------------------------------

    @query("credentials.get", timeout=60.0)
    def get(self, context: CallContext, request: GetCredential) -> GotCredential:
        """Get a credential, a token that is about to expire refreshed first.

        One of another extension can be got if that has shared it (`credentials.share`).
        """
        place = readable_place(context, request.name, request.extension, request.owner, self._now())
        with answered(context):
            credential = opened(context, self._sealer, place, stored_row(context, place))
        if isinstance(credential, OAuth2) and credential.due(self._now()):
            credential = self._up_to_date(context, place, credential)
        return GotCredential(credential)

    def _up_to_date(self, context: CallContext, place: CredentialPlace, credential: OAuth2) -> Credential:
        if not credential.refreshable:
            if credential.expired(self._now()):
                raise OperationFailed("failed", "the token has expired, and there is no refresh_token and token_url")
            return credential
        try:
            self._refresh_once(context, place)
        except OperationFailed:
            if credential.expired(self._now()):
                raise
            return credential  # it is valid for some seconds; the next `get` tries again
        stored = self._store.row(place.row)  # of this moment, not of the one that the call sees
        with answered(context):
            return opened(context, self._sealer, place, read_row(stored.value) if stored is not None else None)

    def _refresh_once(self, context: CallContext, place: CredentialPlace) -> None:
        """Have the refresh run, or wait for the one that is under way."""
        with self._lock:
            under_way = self._refreshes.get(place.row)
            mine = Future[None]()
            if under_way is None:
                self._refreshes[place.row] = mine
        if under_way is not None:
            try:
                under_way.result(context.remaining())
            except TimeoutError:
                raise OperationFailed("unavailable", "the refresh of the token takes too long") from None
            return
        try:
            self._call(
                REFRESH,
                NameCredential(name=place.name, extension=place.extension),
                library_id=place.library_id,
                caller=CALLER,
                timeout=max(context.remaining(), 1.0),
            )
        except BaseException as error:  # noqa: BLE001 - those who wait must not wait for ever
            failure = _as_failure(error)
            mine.set_exception(failure)
            raise failure from None
        else:
            mine.set_result(None)
            self._granted.pop(place.row, None)
        finally:
            with self._lock:
                del self._refreshes[place.row]

    @query("credentials.list")
    def list(self, context: CallContext, request: ListCredentials) -> CredentialsListed:
        """List the extension's credentials in this library, without what they hold."""
        place = own_place(context, request.after, request.extension)
        prefix = prefix_of(place.extension, place.library_id)
        after = prefix + request.after.encode(errors="replace") if request.after else b""
        rows = context.data.scan(prefix, after=after, limit=request.limit + 1)
        found = [_listed(key, read_row(value)) for key, value in rows[: request.limit]]
        return CredentialsListed(found, found[-1].name if len(rows) > request.limit else None)

    # --- refreshing --------------------------------------------------------------------------------------------------

    @action("credentials.refresh", effect=Effect.IDEMPOTENT, timeout=60.0)
    async def refresh(self, context: CallContext, request: NameCredential) -> CredentialRefreshed:
        """Refresh a token that is about to expire, at its token endpoint."""
        place = own_place(context, request.name, request.extension)
        async with self._one_at_a_time(place):
            return await self._refreshed(context, place)

    async def _refreshed(self, context: CallContext, place: CredentialPlace) -> CredentialRefreshed:
        with answered(context):
            row = stored_row(context, place)
            credential = opened(context, self._sealer, place, row)
            if not isinstance(credential, OAuth2) or not credential.due(self._now()):
                self._granted.pop(place.row, None)
                expires_at = credential.expires_at if isinstance(credential, OAuth2) else None
                return CredentialRefreshed(False, expires_at)
            if row is None or not credential.refreshable:
                raise OperationFailed("failed", "there is no refresh_token or no token_url")
            new = await self._grant(context, place, row, credential)
            context.data.put(place.row, self._sealer.seal(place, row.key, new, self._now()))
        return CredentialRefreshed(True, new.expires_at)

    async def _grant(self, context: CallContext, place: CredentialPlace, row: CredentialRow, old: OAuth2) -> OAuth2:
        known = self._granted.get(place.row)
        if known is not None and known[0] == row.sealed:
            return known[1]  # asked for already, and not stored yet: the old refresh token may be worth nothing now
        new = await self._ask(context, place, old)
        self._granted[place.row] = row.sealed, new
        return new

    async def _ask(self, context: CallContext, place: CredentialPlace, credential: OAuth2) -> OAuth2:
        # Here, not above: httpx makes every start of the program a tenth of a second longer.
        from perdure.runtime.http.client import HttpClient, HttpRequest, tls_context  # noqa: PLC0415

        request = HttpRequest(
            url=credential.token_url or "",
            method="POST",
            headers=request_headers(credential),
            body=request_body(credential),
            seconds=max(0.001, min(REFRESH_SECONDS, context.remaining())),
            max_bytes=MAX_ANSWER_BYTES,
            max_redirects=0,  # a refresh token goes where it was meant to go, and nowhere else
        )
        if self._tls is None:
            self._tls = tls_context(self._http)
        client = HttpClient(self._http, tls=self._tls)
        try:
            answer = await client.send(request, self._hosts_of(place.extension))
        except HttpError as error:
            raise OperationFailed(error.code, f"the token endpoint: {error}") from None
        finally:
            await client.aclose()
        return refreshed(credential, answer.status, answer.body, self._now())

    @contextlib.asynccontextmanager
    async def _one_at_a_time(self, place: CredentialPlace) -> AsyncIterator[None]:
        # Only ever on the event loop.
        lock, users = self._refreshing.get(place.row, (asyncio.Lock(), 0))
        self._refreshing[place.row] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._refreshing.pop(place.row)
            if users > 1:
                self._refreshing[place.row] = lock, users - 1

    # --- what they share ---------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._clock.now() / 1_000_000


def _listed(key: bytes, row: CredentialRow) -> ListedCredential:
    return ListedCredential(place_of(key).name, row.kind, row.stored_at, row.expires_at)


def _check_url(url: str) -> None:
    try:
        parse_url(url)
    except InvalidRequest as error:
        raise OperationFailed("invalid_payload", f"token_url: {error.reason}") from None


def _as_failure(error: BaseException) -> OperationFailed:
    if isinstance(error, OperationError):
        return OperationFailed(error.code, error.message, retry_after_ms=error.retry_after_ms)
    if isinstance(error, RuntimeClosedError | StoreError | InvalidPayload | TimeoutError):
        return OperationFailed("unavailable", "the token could not be refreshed now")
    return OperationFailed("failed", "the token could not be refreshed")


def credential_operations(
    store: EventStore,
    sealer: Sealer,
    call: Callable[..., Any],
    hosts_of: Callable[[str], HostRules],
    http: HttpSettings,
    clock: Clock,
) -> Sequence[Callable[..., Any]]:
    """The handlers to register; see `CredentialOperations`."""
    operations = CredentialOperations(store, sealer, call, hosts_of, http, clock)
    return (operations.store, operations.get, operations.list, operations.delete, operations.refresh)
