"""Whether a FHIR receiver lets us in, asked with something that it does not show to everybody.

https://hl7.org/fhir/R4/http.html#search
"""

import requests

from service.deliver.capabilities import FHIR
from service.deliver.receivers.base import ReceiverSettings
from service.deliver.transport import exchange
from service.issues import Issue, issue

# An identifier that nothing has: the answer is an empty list, or a refusal.
_NOBODY = "urn:ietf:rfc:3986|urn:uuid:00000000-0000-0000-0000-000000000000"


def let_in(settings: ReceiverSettings, session: requests.Session, type_name: str) -> list[Issue]:
    """What a search that finds nothing says about our rights. Raises `TransportError`.

    A CapabilityStatement is open to everybody at most receivers, so it says nothing about tokens and certificates.
    """
    url = f"{settings.url}/{type_name}?identifier={_NOBODY.replace('|', '%7C')}"
    answer = exchange(session, settings.limits, "GET", url, None, {"Accept": FHIR})
    if answer.status in (401, 403):
        return [issue("receivers.not-let-in", name=settings.name, status=answer.status)]
    return []
