"""Record ids: 15 characters that heed case, or 18 that survive losing it."""

from __future__ import annotations

import re

from users.sources.salesforce.errors import RecordIdError

SHORT = re.compile(r"[A-Za-z0-9]{15}", re.ASCII)
LONG = re.compile(r"([A-Za-z0-9]{15})([A-Za-z0-5]{3})", re.ASCII)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
GROUPS = ((0, 5), (5, 10), (10, 15))
CAPITALS = {code: "1" if chr(code).isupper() else "0" for code in range(128)}


def canonical(raw: str) -> str:
    """Return the 18 characters of an id; where 18 lost their case, it is repaired.

    Raises:
        RecordIdError: It is no id, or its last three characters contradict the others.
    """
    if SHORT.fullmatch(raw):
        return raw + _suffix(raw)
    found = LONG.fullmatch(raw)
    if found is None:
        raise RecordIdError(raw)
    short, suffix = found[1], found[2].upper()
    if _suffix(short) == suffix:
        return short + suffix
    repaired = _with_case(short, suffix)
    # Case that was lost is lost everywhere: a mixture is another id, mistyped.
    if short not in (short.lower(), short.upper()) or _suffix(repaired) != suffix:
        raise RecordIdError(raw)
    return repaired + suffix


def _suffix(short: str) -> str:
    bits = short.translate(CAPITALS)
    return "".join(ALPHABET[int(bits[start:end][::-1], 2)] for start, end in GROUPS)


def _with_case(short: str, suffix: str) -> str:
    bits = [ALPHABET.index(each) >> place & 1 for each in suffix for place in range(5)]
    return "".join(
        character.upper() if bit else character.lower()
        for character, bit in zip(short, bits, strict=True)
    )
