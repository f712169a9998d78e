from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from uuid import uuid4

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from users.aggregate import USER, decide
from users.api import serializers
from users.commands import ChangeName
from users.errors import InvalidValueError
from users.events import UserCreated
from users.values import comparison_form, email_address, person_name, reason


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (" Ada Lovelace\n", "Ada Lovelace"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("نیلوفر", "نیلوفر"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("李", "李"),
        ("O'Neil-Smith, Jr.", "O'Neil-Smith, Jr."),
        ("x" * 200, "x" * 200),
        ("\u3164 \u674e", "\u3164 \u674e"),
        ("\u0905\u0928\u093f\u0924\u093e", "\u0905\u0928\u093f\u0924\u093e"),
    ],
)
def test_keeps_a_name_as_people_write_it(raw: str, kept: str) -> None:
    assert person_name(raw) == kept


@pytest.mark.parametrize(
    ("raw", "advice"),
    [
        ("", "Enter a name."),
        ("   ", "Enter a name."),
        ("x" * 201, "Use at most 200 characters."),
        ("Ada\r\nBcc: all", "Remove control and invisible characters."),
        ("Ada\x00", "Remove control and invisible characters."),
        ("Ada\u202e", "Remove control and invisible characters."),
        ("Ada\u200b", "Remove control and invisible characters."),
        ("Ada\ud800", "Remove the broken characters."),
        ("Ada\u2028Byron", "Remove control and invisible characters."),
        ("Ada\u2029Byron", "Remove control and invisible characters."),
        ("Ada\ue000", "Remove private and unassigned characters."),
        ("Ada\U0010fffd", "Remove private and unassigned characters."),
        ("Ada\u0378", "Remove private and unassigned characters."),
        ("Ada\uffff", "Remove private and unassigned characters."),
        ("\u200c\u200d", "Enter a name."),
        ("\u3164", "Enter a name."),
        ("\u115f\u1160", "Enter a name."),
        ("\uffa0", "Enter a name."),
        ("\u2800\u2800", "Enter a name."),
        ("\u00a0\u3000", "Enter a name."),
        ("\u3164\u00a0\u3164", "Enter a name."),
        ("\ufe0f\U000e0100", "Enter a name."),
    ],
)
def test_refuses_what_is_no_name(raw: str, advice: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        person_name(raw)
    assert (caught.value.field, caught.value.reason) == ("name", advice)


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com",
        "Ada.Lovelace+tag@Example.COM",
        "用户@例子.广告",
        "user@münchen.example",
        "ada@example.com.invalid",
    ],
)
def test_keeps_an_address_as_written(address: str) -> None:
    assert email_address(f"  {address} ") == address


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "a b@example.com",
        "ada@exa mple.com",
        "ada@example..com",
        "ada@example.com\r\nBcc: x@example.com",
        "ada@example.com,bob@example.com",
        "x" * 65 + "@example.com",
        "ada@" + "x" * 250 + ".com",
    ],
)
def test_refuses_what_is_no_address(raw: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        email_address(raw)
    assert caught.value.field == "email"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.com", "ADA@EXAMPLE.com"),
        ("ada@münchen.example", "Ada@xn--mnchen-3ya.example"),
        ("straße@example.com", "STRASSE@example.com"),
        ("zo\u00eb@example.com", "zoe\u0308@example.com"),
    ],
)
def test_two_spellings_of_one_address_compare_equal(one: str, other: str) -> None:
    assert comparison_form(email_address(one)) == comparison_form(email_address(other))


plain = st.builds(
    "{}@{}.{}".format,
    st.from_regex(r"[a-zA-Z0-9_+-]{1,70}(\.[a-zA-Z0-9_+-]+)?", fullmatch=True),
    st.from_regex(r"([a-z0-9]{1,70}\.)?[a-z0-9]+", fullmatch=True),
    st.sampled_from(["com", "example", "test", "local", "c", "invalid", "onion"]),
)


@given(plain)
def test_a_plain_address_is_taken_as_if_it_had_been_parsed(address: str) -> None:
    try:
        parsed = validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError:
        with pytest.raises(InvalidValueError):
            email_address(address)
        with pytest.raises(InvalidValueError):
            comparison_form(address)
    else:
        assert email_address(address) == address
        slow = f"{parsed.local_part.casefold()}@{parsed.ascii_domain}"
        assert comparison_form(address) == slow


@pytest.mark.parametrize(
    "domain",
    [
        "p\u0430ypal.com",
        "xn--pypal-4ve.com",
        "g\u03bfogle.com",
        "mail.p\u0430ypal.example.com",
        "\u0440\u03bf\u0441\u0442.com",
    ],
)
def test_refuses_a_domain_made_to_be_taken_for_another(domain: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        email_address(f"ada@{domain}")
    assert caught.value.reason == (
        "Use letters of one alphabet in each part of the domain."
    )


@pytest.mark.parametrize(
    "domain",
    [
        "\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",
        "\u03b4\u03bf\u03ba\u03b9\u03bc\u03ae.com",
        "\u043f\u043e\u0447\u0442\u0430-24.com",
        "caf\u00e9.com",
        "xn--mnchen-3ya.com",
        "x\u65e5\u672c\u30c6\u30b9\u30c8.jp",
        "web\ud55c\uad6d.kr",
        "abc\u4f8b\u5b50.cn",
    ],
)
def test_keeps_a_domain_of_one_alphabet_or_of_east_asia(domain: str) -> None:
    assert email_address(f"ada@{domain}") == f"ada@{domain}"


def test_what_was_recorded_before_a_rule_is_still_read_and_compared() -> None:
    name, email = "\u3164\ue000\u2028", "Ada@p\u0430ypal.com"
    user_id = uuid4()
    known = USER.fold([UserCreated(name=name, email=email)])
    assert known
    assert (known.name, known.email) == (name, email)
    assert comparison_form(email) == comparison_form("ada@xn--pypal-4ve.com")
    assert decide(known, ChangeName(user_id=user_id, name="Ada"))


def test_the_schema_says_of_the_basic_plane_what_the_rules_say() -> None:
    sound = re.compile(serializers.SOUND)
    visible = re.compile(rf"[^\s{serializers.UNSEEN}{serializers.BLANK}]")
    assigned = (
        chr(code)
        for code in range(0x1_0000)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs")
    )
    for each in [*assigned, "\ufdd0", "\ufffe", "\uffff"]:
        text = f"x{each}x"
        assert bool(sound.fullmatch(each)) is accepts(reason, text), ascii(each)
        assert bool(visible.fullmatch(each)) is accepts(person_name, each), ascii(each)


def accepts(rule: Callable[[str], str], text: str) -> bool:
    try:
        rule(text)
    except InvalidValueError:
        return False
    return True


def test_tags_and_dots_are_different_addresses() -> None:
    assert comparison_form("ada+a@example.com") != comparison_form("ada@example.com")


def test_a_reason_may_be_empty_but_not_endless() -> None:
    assert reason("  ") == ""
    with pytest.raises(InvalidValueError, match="reason: Use at most 500 characters"):
        reason("x" * 501)
