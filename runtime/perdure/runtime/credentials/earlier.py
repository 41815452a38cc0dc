"""What a credential was before it was rotated, kept sealed with the credential's own key: erased with it.

credential-earlier NUL extension NUL library NUL name  ->  EarlierRow
"""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.runtime.credentials.credential import Credential
from perdure.runtime.credentials.recipe import Recipe
from perdure.runtime.credentials.records import CredentialPlace
from perdure.runtime.operations.data import Data
from perdure.runtime.secrets.errors import SealBroken
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.rows import row_key

MAX_EARLIER: Final = 5
_TABLE: Final = "credential-earlier"


class Earlier(msgspec.Struct, frozen=True, array_like=True):
    """A credential as it was until ``replaced_at``, in seconds since 1970."""

    credential: Credential
    replaced_at: int

    def __repr__(self) -> str:
        return "Earlier(…)"


class Past(msgspec.Struct, frozen=True, array_like=True):
    """What is known of how a credential was made: the recipe, if the host made it, and what it was, newest first."""

    recipe: Recipe | None = None
    earlier: tuple[Earlier, ...] = ()

    def after(self, credential: Credential, replaced_at: int, recipe: Recipe) -> Past:
        """The past once ``credential`` is replaced by another one."""
        return Past(recipe, (Earlier(credential, replaced_at), *self.earlier)[:MAX_EARLIER])


class EarlierRow(msgspec.Struct, frozen=True, array_like=True):
    """A row's value; ``key`` is the credential's."""

    key: str
    sealed: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(EarlierRow).decode
_decode_past = msgspec.msgpack.Decoder(Past).decode


def read_past(data: Data, keychain: Keychain, place: CredentialPlace, key: str) -> Past:
    """The past of a credential whose key is ``key``; an empty one if nothing is known.

    Raises:
        KeyDestroyed: it was deleted.
        SecretsError: its key cannot be used.
    """
    value = data.get(_row(place))
    if value is None:
        return Past()
    row = _decode_row(value)
    if row.key != key:
        return Past()  # of one that was deleted since
    try:
        return _decode_past(keychain.decrypt(key, _purpose(place), row.sealed))
    except msgspec.MsgspecError:
        raise SealBroken(key) from None


def write_past(data: Data, keychain: Keychain, place: CredentialPlace, key: str, past: Past) -> None:
    """Keep it, sealed with the credential's key.

    Raises:
        SecretsError: the key cannot be used.
    """
    sealed = keychain.encrypt(key, _purpose(place), _encode(past))
    data.put(_row(place), _encode(EarlierRow(key, sealed)))


def forget_earlier(data: Data, place: CredentialPlace) -> None:
    """Delete it with the credential."""
    if data.get(_row(place)) is not None:
        data.delete(_row(place))


def _row(place: CredentialPlace) -> bytes:
    return row_key(_TABLE, place.extension, str(place.library_id), place.name)


def _purpose(place: CredentialPlace) -> str:
    return f"earlier {_row(place).hex()}"
