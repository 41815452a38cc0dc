"""Codes, against the vectors of RFC 4226 and RFC 6238, and seeds that are none."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.credentials.one_time_code import BadSeed, CodeSettings, one_time_code, parse_seed

SECRETS = {
    "sha1": b"12345678901234567890",
    "sha256": b"12345678901234567890123456789012",
    "sha512": b"1234567890" * 6 + b"1234",
}
# RFC 6238, appendix B: seconds since 1970, and the codes for SHA-1, SHA-256, SHA-512.
VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]
# RFC 4226, appendix D: counters 0 to 9.
COUNTED = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]


@pytest.mark.parametrize(("seconds", "sha1", "sha256", "sha512"), VECTORS)
def test_the_vectors_of_rfc_6238(seconds: int, sha1: str, sha256: str, sha512: str) -> None:
    for algorithm, code in (("sha1", sha1), ("sha256", sha256), ("sha512", sha512)):
        seed = base64.b32encode(SECRETS[algorithm]).decode()
        settings = parse_seed(f"otpauth://totp/ann?secret={seed}&algorithm={algorithm.upper()}&digits=8&period=30")
        assert one_time_code(settings, seconds * 1000).code == code


@pytest.mark.parametrize(("counter", "code"), list(enumerate(COUNTED)))
def test_the_vectors_of_rfc_4226(counter: int, code: str) -> None:
    settings = CodeSettings(secret=SECRETS["sha1"])
    assert one_time_code(settings, counter * 30_000).code == code


@given(time=st.integers(0, 10**14), period=st.integers(1, 86_400))
def test_a_code_is_valid_until_the_next_one(time: int, period: int) -> None:
    settings = CodeSettings(secret=b"seed", period=period)
    code = one_time_code(settings, time)
    assert 0 < code.valid_for_ms <= period * 1000
    assert one_time_code(settings, time + code.valid_for_ms - 1).code == code.code
    assert one_time_code(settings, time + code.valid_for_ms).valid_for_ms == period * 1000


@pytest.mark.parametrize(
    "text",
    [
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
        "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ",
        "otpauth://totp/Example:ann@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example",
        "otpauth://totp/?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq&digits=6&period=30&algorithm=sha1",
        "OTPAUTH://TOTP/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ%3D%3D&image=https%3A%2F%2Fexample.com%2Fx.png",
    ],
)
def test_ways_to_write_a_seed(text: str) -> None:
    assert parse_seed(text) == CodeSettings(secret=SECRETS["sha1"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "not base32!",
        "s3cret1",
        "GEZDGNBVG",
        "https://totp/?secret=GEZDGNBVGY3TQOJQ",
        "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=1",
        "otpauth://totp/x",
        "otpauth://totp/x?secret=",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&secret=GEZDGNBVGY3TQOJQ",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=9",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=5",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=٦",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=1e3",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&what=else",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits",
        "otpauth://[totp/x?secret=GEZDGNBVGY3TQOJQ",
        "otpauth://totp/x?secret=%ff",
    ],
)
def test_what_is_no_seed(text: str) -> None:
    with pytest.raises(BadSeed) as caught:
        parse_seed(text)
    assert "GEZDGNBVGY3TQOJQ" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@given(st.text(max_size=60) | st.text(max_size=40).map("otpauth://totp/".__add__))
def test_rubbish_is_refused_and_nothing_worse(text: str) -> None:
    try:
        settings = parse_seed(text)
    except BadSeed:
        return
    assert len(one_time_code(settings, 0).code) == settings.digits
