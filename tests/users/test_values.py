from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from users.errors import InvalidValueError
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


def test_tags_and_dots_are_different_addresses() -> None:
    assert comparison_form("ada+a@example.com") != comparison_form("ada@example.com")


def test_a_reason_may_be_empty_but_not_endless() -> None:
    assert reason("  ") == ""
    with pytest.raises(InvalidValueError, match="reason: Use at most 500 characters"):
        reason("x" * 501)
