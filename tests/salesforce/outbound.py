"""Outbound messages as Salesforce sends them."""

from __future__ import annotations

from typing import Any

from tests.deliveries import basic, post

LOGIN = "annals:a.password-of_16~or-more"
ORG = "00D000000000001EAA"
SESSION = "00D000000000001!AQ.secret"
SOURCE: dict[str, Any] = {
    "sf": {
        "style": "salesforce",
        "mapper": "salesforce_hints",
        "secrets": [LOGIN],
        "org_id": ORG,
    }
}
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ACK = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    b"<soapenv:Body>"
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">'
    b"<Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>"
)


def notification(number: int, record: str, *, email: str = "ada@example.com") -> str:
    return f"""
   <Notification>
    <Id>04l0000000{number:05}</Id>
    <sObject xsi:type="sf:Contact" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>{record}</sf:Id>
     <sf:Email>{email}</sf:Email>
    </sObject>
   </Notification>"""


def message(*notifications: str, org: str = ORG, session: str = SESSION) -> bytes:
    told = f"<SessionId>{session}</SessionId>"
    if not session:
        told = '<SessionId xsi:nil="true"/>'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="{SOAP}"\
 xmlns:xsd="http://www.w3.org/2001/XMLSchema"\
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{org}</OrganizationId>
   <ActionId>04k000000000001AAA</ActionId>
   {told}
   <EnterpriseUrl>https://example.my.salesforce.com/services/Soap/c/60.0</EnterpriseUrl>
   <PartnerUrl>https://example.my.salesforce.com/services/Soap/u/60.0</PartnerUrl>\
{"".join(notifications)}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>
""".encode()


def deliver(body: bytes, *, login: str = LOGIN, **changes: Any) -> Any:
    """Send a message as Salesforce does."""
    content_type = "text/xml; charset=utf-8"
    told = {"source": "sf", "content_type": content_type} | changes
    return post(body, basic(login), **told)
