"""Who a connection is for: pure."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.credential import ApiKey, Basic, Credential, Login, OAuth2
from perdure.runtime.mail.mailbox import ImapMailbox, Security

_PEPPER: Final = os.urandom(16)  # so that a digest in a dump of the memory says nothing


class Secret(msgspec.Struct, frozen=True):
    """What a server wants to see: a password, or a token of OAuth 2.0."""

    username: str
    value: str
    token: bool

    def __repr__(self) -> str:
        return "Secret(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Account(msgspec.Struct, frozen=True):
    """Whose connection it is, and to where; no other one's is ever used. ``digest`` stands for the secret.

    So a connection that was made with a password ends its life when the password is changed, or deleted.
    """

    extension: str
    library_id: UUID | None
    host: str
    port: int
    security: Security
    username: str
    digest: bytes


def secret_of(mailbox: ImapMailbox, credential: Credential) -> Secret:
    """What to log in with.

    Raises:
        OperationFailed: the credential is of a kind that no mail server takes, or the user's name is missing.
    """
    if isinstance(credential, OAuth2):
        secret = Secret(mailbox.username or "", credential.access_token, True)
    elif isinstance(credential, Basic | Login):
        secret = Secret(mailbox.username or credential.username, credential.password, False)
    elif isinstance(credential, ApiKey):
        secret = Secret(mailbox.username or "", credential.key, False)
    if not secret.username:
        raise OperationFailed("invalid_payload", "mailbox.username: the credential has no user's name, so it is needed")
    if any(ord(character) < 32 or ord(character) == 127 for character in secret.username + secret.value):
        raise OperationFailed("failed", "the credential has control characters, which no mail server takes")
    return secret


def account_of(extension: str, library_id: UUID | None, mailbox: ImapMailbox, host: str, secret: Secret) -> Account:
    """The account; ``host`` as it is compared."""
    told = f"{secret.token}\0{secret.value}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(told, key=_PEPPER, digest_size=16).digest()
    return Account(extension, library_id, host, mailbox.server_port, mailbox.security, secret.username, digest)
