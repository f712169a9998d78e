"""Outbound messages of Salesforce: SOAP with up to 100 notifications, read strictly.

Each notification is kept as the message that it came in, byte for byte, without the
other notifications and without the session id: that one is a secret.

Source: Salesforce SOAP API Developer Guide, "Outbound Messaging"; SOAP 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from eventstore.intake.errors import MapperError

MEDIA_TYPE = "text/xml"
CONTENT_TYPE = "text/xml; charset=utf-8"
MOST_NOTIFICATIONS = 100  # of one message
MOST_AROUND = 16_384  # bytes around the notifications, which are kept with each
DEEPEST = 20  # elements inside each other
IDENTITY = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)
SHORT = 15  # characters of an id that tell ids apart

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OURS = "{http://soap.sforce.com/2005/09/outbound}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_TOP = (f"{_SOAP}Envelope", f"{_SOAP}Body", f"{_OURS}notifications")
_ORG = (*_TOP, f"{_OURS}OrganizationId")
_SESSION = (*_TOP, f"{_OURS}SessionId")
_ONE = (*_TOP, f"{_OURS}Notification")
_ID = (*_ONE, f"{_OURS}Id")
_SOBJECT = (*_ONE, f"{_OURS}sObject")
_RECORD = (*_SOBJECT, "{urn:sobject.enterprise.soap.sforce.com}Id")

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
ACK = _ENVELOPE.format(
    body='<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">'
    "<Ack>true</Ack></notificationsResponse>"
).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A hint that a record changed.

    Attributes:
        id: Of the notification; the same one when it is sent again.
        sobject: Object of the record, for example ``Contact``.
        record: Id of the record, 15 or 18 characters.
        body: A message with this notification alone.
    """

    id: str
    sobject: str
    record: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One delivery.

    Attributes:
        org_id: Of the org that says it is the sender.
    """

    org_id: str
    notifications: Sequence[Notification]

    def is_of(self, org_id: str) -> bool:
        """Say whether the message names this org, in 15 or 18 characters."""
        return self.org_id[:SHORT] == org_id[:SHORT]


def read(body: bytes) -> Message:
    """Return what a message says.

    Raises:
        MapperError: It is no XML in UTF-8, declares a document type or entities, is no
            outbound message, or holds more than 100 notifications.
    """
    try:
        body.decode()
    except UnicodeDecodeError:
        code = "not_utf8"
        raise MapperError(code) from None
    # The parser would guess UTF-16 from them, whatever it is told.
    if b"\0" in body:
        code = "not_xml"
        raise MapperError(code)
    target = _Target()
    parser = DefusedXMLParser(target=target, encoding="utf-8", forbid_dtd=True)
    target.expat = parser.parser
    try:
        parser.feed(body)
        parser.close()
    except (DefusedXmlException, ParseError):
        code = "not_xml"
        raise MapperError(code) from None
    return target.message(body)


def fault(text: str, *, is_ours: bool) -> bytes:
    """Return the SOAP fault that says *text*; *is_ours*: sending again may help."""
    code = "Server" if is_ours else "Client"
    return _ENVELOPE.format(
        body=f"<soapenv:Fault><faultcode>soapenv:{code}</faultcode>"
        f"<faultstring>{escape(text)}</faultstring></soapenv:Fault>"
    ).encode()


@dataclass(slots=True)
class _Told:
    """What one notification says, however often it says it."""

    ids: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    sobjects: list[str] = field(default_factory=list)
    place: tuple[int, int] = (0, 0)

    @property
    def is_whole(self) -> bool:
        each_once = len(self.ids) == len(self.records) == len(self.sobjects) == 1
        names = [*self.ids, *self.records]
        return (
            each_once and bool(self.sobjects[0]) and all(map(IDENTITY.fullmatch, names))
        )


@dataclass(slots=True)
class _Target:
    """Takes note of the few elements that matter, and of where they stand.

    It builds no tree, so that a message cannot take more memory than its bytes.
    """

    expat: Any = None
    path: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    is_filled: bool = False  # the element that ends next, by anything at all
    tops: int = 0
    orgs: list[str] = field(default_factory=list)
    told: list[_Told] = field(default_factory=list)
    secrets: list[tuple[int, int]] = field(default_factory=list)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.path.append(tag)
        self.starts.append(self.expat.CurrentByteIndex)
        self.text.clear()
        self.is_filled = False
        if len(self.path) > DEEPEST:
            code = "too_deep"
            raise MapperError(code)
        here = tuple(self.path)
        if here == _TOP:
            self.tops += 1
        elif here == _ONE:
            self.told.append(_Told())
        elif here == _SOBJECT:
            kind = attributes.get(_TYPE, "").rpartition(":")[2]
            self.told[-1].sobjects.append(kind)
        if len(self.told) > MOST_NOTIFICATIONS:
            code = "too_many_notifications"
            raise MapperError(code)

    def data(self, text: str) -> None:
        self.text.append(text)
        self.is_filled = True

    def end(self, _tag: str) -> None:
        text = "".join(self.text).strip()
        place = self.starts.pop(), self.expat.CurrentByteIndex
        here = tuple(self.path)
        if here == _ORG:
            self.orgs.append(text)
        elif here == _SESSION and self.is_filled:
            self.secrets.append(place)
        elif here == _ONE:
            self.told[-1].place = place
        elif here == _ID:
            self.told[-1].ids.append(text)
        elif here == _RECORD:
            self.told[-1].records.append(text)
        self.path.pop()
        self.text.clear()
        self.is_filled = True

    def close(self) -> None:
        """Do nothing; the parser asks for it."""

    def message(self, body: bytes) -> Message:
        is_one = self.tops == len(self.orgs) == 1 and IDENTITY.fullmatch(self.orgs[0])
        if not is_one or not self.told or not all(one.is_whole for one in self.told):
            code = "not_an_outbound_message"
            raise MapperError(code)
        secrets = [_whole(body, place) for place in self.secrets]
        places = [_whole(body, one.place) for one in self.told]
        if len(body) - sum(end - start for start, end in places) > MOST_AROUND:
            code = "too_much_around"
            raise MapperError(code)
        found = [
            Notification(
                id=one.ids[0],
                sobject=one.sobjects[0],
                record=one.records[0],
                body=_without(body, [*secrets, *places[:n], *places[n + 1 :]]),
            )
            for n, one in enumerate(self.told)
        ]
        return Message(org_id=self.orgs[0], notifications=found)


def _whole(body: bytes, place: tuple[int, int]) -> tuple[int, int]:
    """Return where an element begins, and where its end tag has ended."""
    start, end = place
    return start, body.index(b">", end) + 1


def _without(body: bytes, places: Sequence[tuple[int, int]]) -> bytes:
    left, at = [], 0
    for start, end in sorted(places):
        left.append(body[at:start])
        at = end
    return b"".join([*left, body[at:]])
