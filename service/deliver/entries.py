"""The entries of a transaction that can be sent twice and does its work once: each writes to a stable identifier.

https://hl7.org/fhir/R4/http.html#trules, https://hl7.org/fhir/R4/http.html#cond-update
"""

import functools
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.deliver.capabilities import Write
from service.deliver.receivers.base import Json
from service.fhir.json import encode

# Each resource we give carries its id with us under this system, which is what the receiver finds it by.
COPY_OF = "https://yhdessa.example/fhir/NamingSystem/resource-id"
# What others refer to comes first, for servers that take one resource after the other.
ORDER = (
    "Organization", "Location", "Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "CareTeam", "Goal",
    "Appointment", "QuestionnaireResponse", "ServiceRequest", "Task", "CarePlan", "Consent", "Provenance",
)  # fmt: skip
_RANKS = {kind: rank for rank, kind in enumerate(ORDER)}
# Whom the receiver has a record of its own of: found by an official identifier, made where missing, never changed.
THEIRS = frozenset({"Organization", "Patient", "Practitioner"})
# Has no identifier at all.
BY_TAG = frozenset({"Provenance"})
# Has one identifier and not a list of them: its own, or where it has none, ours.
_SINGLE = "QuestionnaireResponse"


# References as they stand in compact JSON; a quote inside a text is escaped, so no text looks like this.
_REFERENCE = re.compile(
    rb'"reference":"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"'
)
_HEAD, _TAIL = b'{"resourceType":"Bundle","type":"transaction","entry":[', b"]}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource on its way: what is written (`method`, `url`, perhaps `if_none_exist`), its full URL, its JSON."""

    full_url: str
    method: str
    url: str
    if_none_exist: str
    body: bytes

    def json(self) -> bytes:
        request = {"method": self.method, "url": self.url}
        if self.if_none_exist:
            request["ifNoneExist"] = self.if_none_exist
        head = encode({"fullUrl": self.full_url, "request": request})
        return head[:-1] + b',"resource":' + self.body + b"}"


def ordered(resources: Iterable[Json]) -> list[Json]:
    """The resources in the order of their dependence, the same for the same resources."""
    return sorted(resources, key=lambda one: (_rank(one), str(one["id"])))


def entries(resources: Sequence[Json], base: str, write: Write) -> list[Entry]:
    """The entry of each of these resources."""
    if write == "by-id":
        return [_by_id(one, base) for one in resources]
    here = {reference(one).encode() for one in resources}
    return [_conditional(one, here) for one in resources]


def transaction(every: Iterable[Entry]) -> bytes:
    """The exact bytes of the transaction."""
    return _HEAD + b",".join(one.json() for one in every) + _TAIL


def criteria(resource: Json) -> str:
    """The search by which a receiver finds its copy of one of our resources."""
    own = resource.get("identifier") if resource["resourceType"] == _SINGLE else None
    if own and own.get("system") and own.get("value"):
        return f"identifier={token(str(own['system']), str(own['value']))}"
    name = "_tag" if resource["resourceType"] in BY_TAG else "identifier"
    return f"{name}={token(COPY_OF, str(resource['id']))}"


def token(system: str, value: str) -> str:
    """A token as it stands in a search: what means something there is escaped, then what means something in a URL."""
    return f"{_system(system)}|{_quoted(value)}"


def reference(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def without(resources: Sequence[Json], dropped: Collection[str]) -> list[Json]:
    """Those of other types than `dropped`; where one refers to what is dropped, it says so in words."""
    gone = {reference(one) for one in resources if one["resourceType"] in dropped}
    kept = [one for one in resources if one["resourceType"] not in dropped]
    if not gone:
        return kept
    marks = [b'"reference":"%b' % one.encode() for one in gone]
    # Most refer to nothing that is dropped, which is seen in their JSON at once.
    return [_walked(one, lambda link: _said(link, gone)) if _has_any(encode(one), marks) else one for one in kept]


def _has_any(body: bytes, marks: Iterable[bytes]) -> bool:
    return any(mark in body for mark in marks)


def _by_id(resource: Json, base: str) -> Entry:
    where = reference(resource)
    return Entry(f"{base}/{where}", "PUT", where, "", encode(resource))


def _conditional(resource: Json, here: Collection[bytes]) -> Entry:
    kind, id_ = resource["resourceType"], str(resource["id"])
    made = _marked({name: value for name, value in resource.items() if name != "id"}, id_)
    far = []

    def linked(found: re.Match[bytes]) -> bytes:
        if b"%b/%b" % (found[1], found[2]) not in here:
            far.append(found)
        return b'"reference":"urn:uuid:%b"' % found[2]

    body = _REFERENCE.sub(linked, encode(made))
    if far:
        body = encode(_walked(made, lambda link: _linked(link, here)))
    official = _official(resource) if kind in THEIRS else ""
    if official:
        return Entry(f"urn:uuid:{id_}", "POST", kind, f"identifier={official}", body)
    return Entry(f"urn:uuid:{id_}", "PUT", f"{kind}?{criteria(resource)}", "", body)


def _marked(resource: Json, id_: str) -> Json:
    """The resource with our id for it, where a search finds it."""
    if resource["resourceType"] == _SINGLE:
        own = resource.get("identifier", {})
        return resource if own.get("system") and own.get("value") else {**resource, "identifier": _ours(id_)}
    if resource["resourceType"] in BY_TAG:
        meta = resource.get("meta", {})
        tags = [*meta.get("tag", ()), {"system": COPY_OF, "code": id_}]
        return {**resource, "meta": {**meta, "tag": tags}}
    return {**resource, "identifier": [*resource.get("identifier", ()), _ours(id_)]}


def _ours(id_: str) -> Json:
    return {"system": COPY_OF, "value": id_}


def _official(resource: Json) -> str:
    for one in resource.get("identifier", ()):
        if one.get("use") == "official" and one.get("system") and one.get("value"):
            return token(str(one["system"]), str(one["value"]))
    return ""


def _linked(link: Json, here: Collection[bytes]) -> Json:
    """A Reference as it can stand at the receiver, which has its own ids: what does not come along is only named."""
    kind, _, id_ = str(link["reference"]).partition("/")
    id_ = id_.partition("/")[0]
    if f"{kind}/{id_}".encode() in here:
        return {**link, "reference": f"urn:uuid:{id_}"}
    if kind not in ORDER or not id_:
        return link
    rest = {name: value for name, value in link.items() if name != "reference"}
    return {**rest, "type": kind, "identifier": _ours(id_)}


def _said(link: Json, gone: Collection[str]) -> Json:
    if "/".join(str(link["reference"]).split("/")[:2]) not in gone:
        return link
    rest = {name: value for name, value in link.items() if name != "reference"}
    return rest or {"display": str(link["reference"]).partition("/")[0]}


def _walked(value: Any, change: Callable[[Json], Json]) -> Any:
    """The same with every Reference changed; nothing given is touched."""
    if type(value) is dict:
        made = {name: _walked(one, change) if type(one) in (dict, list) else one for name, one in value.items()}
        return change(made) if type(made.get("reference")) is str else made
    if type(value) is list:
        return [_walked(one, change) if type(one) in (dict, list) else one for one in value]
    return value


def _rank(resource: Json) -> int:
    return _RANKS.get(resource["resourceType"], len(ORDER))


def _quoted(text: str) -> str:
    for mark in ("\\", ",", "|", "$"):
        text = text.replace(mark, "\\" + mark)
    return quote(text, safe="|:/")


# There are many values, but few systems.
_system = functools.lru_cache(256)(_quoted)
