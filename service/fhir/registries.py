"""Code systems that are a rule or a registry instead of a list: languages, MIME types, currencies, countries, units.

https://hl7.org/fhir/R4/terminologies-systems.html. Each check gives True, False, or None where nobody here can know.
"""

import functools
import re
import zoneinfo
from collections.abc import Callable, Mapping
from types import MappingProxyType

from service.fhir import ucum
from service.fhir.values import PRIMITIVES
from service.fhir.words import words

Check = Callable[[str], bool | None]

# RFC 5646, 2.1: language [-script] [-region] *(-variant) *(-extension) [-privateuse], or private use alone.
_LANGUAGE = re.compile(
    r"(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wy-z\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)
_PRIVATE = re.compile(r"x(-[a-z\d]{1,8})+|i-[a-z\d]{2,8}(-[a-z\d]{1,8})*", re.IGNORECASE | re.ASCII)
# RFC 6838, 4.2 and RFC 2045, 5.1
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&\-^_.+]{0,126}"
_MIME = re.compile(rf'{_NAME}/{_NAME}(\s*;\s*{_NAME}=({_NAME}|"[^"\\]*"|[^\s;"]+))*', re.ASCII)
# https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.format
_SIMPLE_FORMATS = frozenset(("xml", "json", "ttl"))


def language(code: str) -> bool | None:
    """BCP 47: well-formed, and the language a known one; None for a well-formed tag of an unlisted language."""
    match = _LANGUAGE.fullmatch(code)
    if match is None:
        return None if _PRIVATE.fullmatch(code) else False
    first = match["language"].partition("-")[0].lower()
    if first in words("languages"):
        return True
    return False if len(first) == 2 else None


def mime_type(code: str) -> bool | None:
    return bool(_MIME.fullmatch(code)) or code in _SIMPLE_FORMATS


def currency(code: str) -> bool | None:
    return code in words("currencies")


def time_zone(code: str) -> bool | None:
    return code in _time_zones()


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def uri(code: str) -> bool | None:
    return PRIMITIVES["uri"](code) is None


def country(code: str) -> bool | None:
    """ISO 3166-1: a listed two-letter code; of three letters or digits only the form is known."""
    if re.fullmatch(r"[A-Z]{3}|\d{3}", code, re.ASCII):
        return None
    return code in words("countries")


def subdivision(code: str) -> bool | None:
    return None if re.fullmatch(r"[A-Z]{2}-[A-Z0-9]{1,3}", code, re.ASCII) else False


REGISTRIES: Mapping[str, Check] = MappingProxyType(
    {
        "urn:ietf:bcp:47": language,
        "urn:ietf:bcp:13": mime_type,
        "urn:ietf:rfc:3986": uri,
        "urn:iso:std:iso:4217": currency,
        "urn:iso:std:iso:3166": country,
        "urn:iso:std:iso:3166:-2": subdivision,
        "https://www.iana.org/time-zones": time_zone,
        "http://unitsofmeasure.org": ucum.check,
    }
)
