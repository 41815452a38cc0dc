"""``credentials.generate`` and ``rotate``: passwords that the host makes, which no guest sees, and ``history``."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.calls import NO_SUCH, answered, opened, own_place, stored_row
from perdure.runtime.credentials.capacity import one_more
from perdure.runtime.credentials.credential import ApiKey, Basic, Credential, Login, Name, OAuth2
from perdure.runtime.credentials.earlier import Past, read_past, write_past
from perdure.runtime.credentials.operations import NameCredential
from perdure.runtime.credentials.recipe import BadRecipe, Characters, Made, Recipe, make_password
from perdure.runtime.credentials.records import Sealer
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.data import Stale
from perdure.runtime.operations.declaration import Effect, Sensitive, action, query
from perdure.runtime.secrets.errors import KeyDestroyed
from perdure.runtime.secrets.keychain import Keychain


class GenerateCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be made, and the name to find it by. ``extension`` says whose it is, when the host calls.

    ``username`` and ``urls`` are stored with it; an ``api_key`` has neither, a ``basic`` no ``urls``.
    """

    name: Name
    recipe: Recipe = Characters()
    type: Literal["login", "basic", "api_key"] = "login"
    username: Annotated[str, Sensitive, msgspec.Meta(max_length=2048)] = ""
    urls: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=2048)], ...],
        Sensitive,
        msgspec.Meta(max_length=100),
    ] = ()
    extension: str | None = None


class CredentialGenerated(msgspec.Struct, frozen=True):
    """``generated`` is false if there is one with this name, which stays as it is; `rotate` makes that one anew.

    ``entropy_bits``: it is one of two to the power of so many, each as likely as any other.
    """

    generated: bool
    entropy_bits: float | None


class RotateCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one. ``extension`` says whose it is, when the host calls.

    Without a ``recipe`` it is that of the last time, or 20 characters of all classes if the host did not make it.
    """

    name: Name
    recipe: Recipe | None = None
    extension: str | None = None


class CredentialRotated(msgspec.Struct, frozen=True):
    """``kept``: how many earlier ones there are now; ``entropy_bits`` as for `generate`."""

    entropy_bits: float
    kept: int


class EarlierCredential(msgspec.Struct, frozen=True):
    """A credential as it was until ``replaced_at``, in seconds since 1970."""

    credential: Annotated[Credential, Sensitive]
    replaced_at: int


class CredentialHistory(msgspec.Struct, frozen=True):
    """What it was before, newest first; at most five."""

    earlier: list[EarlierCredential]


class GenerateOperations:
    """The handlers.

    Args:
        keychain: the keys of credentials.
        clock: the time.
        sealer: the one of all operations on credentials.
        draw: where chance comes from.
    """

    def __init__(
        self, keychain: Keychain, clock: Clock, sealer: Sealer, draw: Callable[[int], int] = secrets.randbelow
    ) -> None:
        self._keychain = keychain
        self._clock = clock
        self._sealer = sealer
        self._draw = draw

    @action("credentials.generate", effect=Effect.TRANSACTIONAL)
    def generate(self, context: CallContext, request: GenerateCredential) -> CredentialGenerated:
        """Make a password and store it under a new name, without showing it to the caller."""
        place = own_place(context, request.name, request.extension)
        made = self._made(request.recipe)
        with answered(context):
            row = stored_row(context, place)
            if row is not None:
                return CredentialGenerated(False, None)
            one_more(context.data, place.extension)
            context.key = self._sealer.key_for(place, None)
            try:
                value = self._sealer.seal(place, context.key, _generated(request, made.password), self._now())
                write_past(context.data, self._keychain, place, context.key, Past(request.recipe))
            except KeyDestroyed:
                raise Stale from None  # one of this name is being deleted: what is made now comes after that
            context.data.put(place.row, value)
        return CredentialGenerated(True, made.entropy_bits)

    @action("credentials.rotate", effect=Effect.TRANSACTIONAL)
    def rotate(self, context: CallContext, request: RotateCredential) -> CredentialRotated:
        """Make a new password in the place of a credential's, which is kept among the last five; all else stays.

        A token of OAuth 2.0 is not rotated, but refreshed.
        """
        place = own_place(context, request.name, request.extension)
        with answered(context):
            row = stored_row(context, place)
            old = opened(context, self._sealer, place, row)
            if row is None:
                raise OperationFailed("not_found", NO_SUCH)
            past = read_past(context.data, self._keychain, place, row.key)
            recipe = request.recipe or past.recipe or Characters()
            made = self._made(recipe)
            past = past.after(old, int(self._now()), recipe)
            write_past(context.data, self._keychain, place, row.key, past)
            context.data.put(place.row, self._sealer.seal(place, row.key, _rotated(old, made.password), self._now()))
        return CredentialRotated(made.entropy_bits, len(past.earlier))

    @query("credentials.history", callers="host")
    def history(self, context: CallContext, request: NameCredential) -> CredentialHistory:
        """What a credential was before it was rotated: for a person whose new password was not accepted."""
        place = own_place(context, request.name, request.extension)
        with answered(context):
            row = stored_row(context, place)
            if row is None:
                raise OperationFailed("not_found", NO_SUCH)
            context.key = row.key
            past = read_past(context.data, self._keychain, place, row.key)
        return CredentialHistory([EarlierCredential(one.credential, one.replaced_at) for one in past.earlier])

    def _made(self, recipe: Recipe) -> Made:
        try:
            return make_password(recipe, self._draw)
        except BadRecipe as error:
            raise OperationFailed("invalid_payload", f"recipe: {error}") from None

    def _now(self) -> float:
        return self._clock.now() / 1_000_000


def _generated(request: GenerateCredential, password: str) -> Credential:
    if request.type == "login":
        return Login(username=request.username, password=password, urls=request.urls)
    if request.urls or (request.type == "api_key" and request.username):
        raise OperationFailed("invalid_payload", f"a credential of type {request.type} has no such fields")
    if request.type == "basic":
        return Basic(username=request.username, password=password)
    return ApiKey(key=password)


def _rotated(old: Credential, password: str) -> Credential:
    if isinstance(old, OAuth2):
        raise OperationFailed("failed", "a token is not rotated; it is refreshed by itself, or given anew")
    if isinstance(old, ApiKey):
        return msgspec.structs.replace(old, key=password)
    return msgspec.structs.replace(old, password=password)


def generate_operations(keychain: Keychain, clock: Clock, sealer: Sealer) -> Sequence[Callable[..., Any]]:
    """The handlers to register; see `GenerateOperations`."""
    operations = GenerateOperations(keychain, clock, sealer)
    return operations.generate, operations.rotate, operations.history
