"""Ids: HMAC as RFC 2104 has it, framing that cannot be confused, UUIDs of version 8."""

import hashlib
import hmac
import uuid

from hypothesis import given
from hypothesis import strategies as st

from service.intake.business_id import right
from service.intake.hetu import born, check_character, holds_hetu
from service.intake.ids import framed, identify, stable_id

PARTS = st.lists(st.text(max_size=6), max_size=4).map(tuple)


@given(PARTS, PARTS)
def test_framing_is_unambiguous(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    assert (framed(first) == framed(second)) == (first == second)


@given(st.binary(max_size=130), PARTS)
def test_one_register_is_the_same_hash(key: bytes, parts: tuple[str, ...]) -> None:
    of = identify(key, "2.999.1")
    assert of(*parts) == of(*parts) == stable_id(key, "2.999.1", *parts)
    digest = hmac.new(key, framed(("2.999.1", *parts)), hashlib.sha256).hexdigest()
    found = uuid.UUID(of(*parts))
    assert found.version == 8
    assert found.variant == uuid.RFC_4122
    assert found.hex[:12] == digest[:12]
    assert found.hex[20:] == digest[20:32]


def test_an_id_never_changes() -> None:
    assert stable_id(b"key", "2.999.1", "urn:oid:1.2.246.21", "300619B9358") == EXPECTED


EXPECTED = "becc32b7-c3f0-8504-a697-37ec8be940cd"


def test_hetu() -> None:
    for code in ["150318A9125", "150318A9136", "021120A900B", "300619B9358", "010223C948S", "240717D901K"]:
        assert check_character(code) == code[10]
        assert born(code) is not None
        assert born(code).year >= 2000
    for code in ["121288-970D", "050590Y9814", "230485X9023", "311299U9595"]:
        assert check_character(code) == code[10]
        assert born(code).year < 2000
    assert check_character("010190-999Y") != "Y"
    assert check_character("010190-999X") != "X"
    assert born("010170+9129").year == 1870
    assert born("310619B9358") is None
    assert holds_hetu("lapsi 300619b9358, kotona")
    assert not holds_hetu("puhelin 0400000000-1234, 300619B9357")


def test_business_id() -> None:
    assert right("99999992")
    assert not any(right(f"9999999{digit}") for digit in "013456789")
