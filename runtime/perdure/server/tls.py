"""TLS of the server's own."""

from __future__ import annotations

import ssl

from perdure.api.errors import CannotListen
from perdure.server.settings import ServerSettings


def tls_of(settings: ServerSettings) -> ssl.SSLContext | None:
    """What the server shows who it is with; None if it speaks in clear.

    TLS 1.2 and 1.3, with the ciphers that this Python's OpenSSL takes for good.

    Raises:
        CannotListen: there is one of certificate and key only, or they cannot be read, or do not belong together.
    """
    certificate, key = settings.certificate, settings.private_key
    if certificate is None and key is None:
        return None
    address = f"{settings.host}:{settings.port}"
    if certificate is None or key is None:
        raise CannotListen(address, "TLS wants both --certificate and --private-key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key would make OpenSSL ask at the terminal, where a daemon has nobody.
        context.load_cert_chain(certificate, key, password=b"")
    except ssl.SSLError as error:
        reason = error.reason or "no PEM"
        raise CannotListen(
            address, f"{certificate} and {key} make no TLS: {reason.lower().replace('_', ' ')}"
        ) from None
    except (OSError, ValueError) as error:
        raise CannotListen(address, f"{certificate} or {key} cannot be read: {error}") from None
    return context
