"""Where the server listens, and whom it tells why not."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from tests.support.command_line import CommandLine
from tests.support.raw_http import RawClient
from tests.support.servers import Served, serving
from tests.support.waiting import TIMEOUT, eventually

from perdure.api.errors import CannotListen
from perdure.server.listening import listen_tcp
from perdure.server.settings import ServerSettings


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def pair(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate and its key, as files."""
    issued, folder = authority.issue_cert("localhost", "127.0.0.1"), tmp_path_factory.mktemp("tls")
    issued.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    return str(folder / "certificate.pem"), str(folder / "key.pem")


@pytest.fixture(scope="module")
def served(pair: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    certificate, key = pair
    settings = ServerSettings(port=0, certificate=certificate, private_key=key, header_seconds=0.6)
    with serving(tmp_path_factory.mktemp("data"), settings) as found:
        yield found


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls(served: Served, trusting: ssl.SSLContext) -> None:
    assert served.address.startswith("https://")
    with httpx.Client(base_url=served.address, headers=served.headers, verify=trusting, trust_env=False) as client:
        eventually(lambda: is_answered(client))
    with httpx.Client(base_url=served.address, trust_env=False) as stranger, pytest.raises(httpx.ConnectError):
        stranger.get("/v1/jobs")


def is_answered(client: httpx.Client) -> bool:
    """Whether the server does as it is asked; this one gives up who needs longer than 0.6 s to ask."""
    try:
        return client.get("/v1/jobs").status_code == 200
    except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
        return False


def test_old_tls_is_not_spoken(served: Served, trusting: ssl.SSLContext) -> None:
    trusting.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        trusting.minimum_version = trusting.maximum_version = ssl.TLSVersion.TLSv1_1
    plain = socket.create_connection(("127.0.0.1", served.server.port), TIMEOUT)
    with plain, pytest.raises((ssl.SSLError, OSError)):
        trusting.wrap_socket(plain, server_hostname="localhost")


def test_who_does_not_speak_tls_is_given_up(served: Served) -> None:
    for sent in (b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01", b""):
        with RawClient(served.server.port) as client:
            client.send(sent)
            assert b"HTTP" not in client.read_to_end()


def settings(**fields: object) -> ServerSettings:
    return ServerSettings(port=0, **fields)  # type: ignore[arg-type]  # its fields


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # what is refused
def test_elsewhere_only_with_tls(host: str) -> None:
    with pytest.raises(CannotListen) as caught:
        listen_tcp(settings(host=host))
    assert "--certificate" in caught.value.reason
    assert "--behind-proxy" in caught.value.reason


def test_elsewhere_behind_a_proxy() -> None:
    with listen_tcp(settings(host="0.0.0.0", behind_proxy=True)) as listening:  # what is allowed
        assert listening.getsockname()[1] > 0


def test_certificates_of_no_use(pair: tuple[str, str], tmp_path: Path) -> None:
    certificate, key = pair
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for one, two in [(certificate, None), (None, key), (key, certificate), (str(rubbish), key), ("/nowhere", key)]:
        with pytest.raises(CannotListen):
            listen_tcp(settings(certificate=one, private_key=two))


def test_what_the_command_line_says(perdure: CommandLine) -> None:
    answer = perdure("serve", "--host", "192.0.2.1", "--port", "0")
    assert answer.code != 0
    assert "--certificate" in answer.err
    assert len(answer.err.strip().splitlines()) == 1


@pytest.fixture
def perdure(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")
