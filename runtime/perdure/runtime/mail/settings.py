"""What an embedder may choose about mail."""

from __future__ import annotations

import msgspec

from perdure.runtime.errors import InvalidLimits


class MailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds. Which private networks are open, and who is trusted, `HttpSettings` says.

    Attributes:
        plain: whether extensions may speak with a server without TLS, if ``http://host:port`` is granted to them. The
            password then goes over the network as it is.
        maildir_flags: whether ``mail.flag`` may rename the files of messages in shared Maildirs: nothing else that is
            shared is ever written to.
        connections: how many one extension may have at once; further calls wait.
        keep: how long a connection that nobody uses is kept.
        timeout: how long a server may take for one answer.
        max_message_bytes: what is read of a message; a longer one is cut off there, and that is said.

    Raises:
        InvalidLimits: a value makes no sense.
    """

    plain: bool = False
    maildir_flags: bool = False
    connections: int = 4
    keep: float = 60.0
    timeout: float = 30.0
    max_message_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        for field in ("connections", "max_message_bytes"):
            if getattr(self, field) < 1:
                raise InvalidLimits(field, getattr(self, field), "at least 1")
        if self.timeout <= 0:
            raise InvalidLimits("timeout", self.timeout, "more than 0")
        if self.keep < 0:
            raise InvalidLimits("keep", self.keep, "at least 0")
