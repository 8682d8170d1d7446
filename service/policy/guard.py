"""The last look at the bytes that are about to leave: nothing of what must stay may be in them, however it got there.

It knows the whole case, not what is left of it: the places of a family with non-disclosure (turvakielto), the personal
identity codes that do not go, and the texts that were withheld.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from service.fhir.json import JsonError, encode, parse
from service.fhir.reading import objects, part, string, strings, value_of, values
from service.issues import Issue, issue
from service.policy import places
from service.policy.case import FAMILY, Case

Json = Mapping[str, Any]
# What is before it is looked at afterwards: a look back at every character of a long text is slow.
_HETU = re.compile(r"[0-3][0-9][01][0-9]{3}[-+A-FU-Ya-fu-y][0-9]{3}[0-9A-FHJ-NPR-Ya-fhj-npr-y](?![0-9A-Za-z])")
HETU_SYSTEM = "urn:oid:1.2.246.21"
# What says nothing to a reader: names of systems and profiles.
TECHNICAL = frozenset({"resourceType", "system", "url", "profile"})
# Ids and links are random, unless another system has made them.
LINKS = frozenset({"id", "reference", "fullUrl"})
_RANDOM = re.compile(r"(?:urn:uuid:|.*/)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PLACES = ("Organization", "Location")
BETWEEN = "\0"
"""Between two texts that are looked at together: nothing reaches over it."""
_TAG = re.compile(r"<[^>]*>")
# No control character stands in JSON: these can stand for what would look like the end of a string.
_SLASH, _QUOTE = b"\1", b"\2"
_OURS = re.compile(r"https://yhdessa\.example/fhir/[A-Za-z/-]+")
# How a receiver looks for what it has: by an identifier.
_CRITERIA = re.compile(r"(?:[A-Z][A-Za-z]+\?)?(?:identifier|_tag)=(\S+)\|(\S+)")
_SCHEMES = ("https://yhdessa.example/fhir/", "urn:oid:", "urn:ietf:")
LONG = 20
"""A shorter text may be in a payload by chance, in a heading or in the name of a code."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What may not be in a payload.

    `words` and `numbers` are the secrets of a protected family, `names` the names of people, which are no places;
    `hetus` the personal identity codes that may go (None: all may), `withheld` gives the texts that stayed. `known` is
    what the copy that was decided on says, as `quoted` gives it: in a payload made of it only the rest is new.
    """

    protected: bool = False
    words: re.Pattern[str] | None = None
    numbers: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    hetus: frozenset[str] | None = None
    withheld: Callable[[], Sequence[str]] = tuple
    known: frozenset[bytes] = frozenset()

    def check(self, payload: bytes) -> list[Issue]:
        """Everything in the payload that may not leave, as errors. JSON is looked into; any other text is read as is.

        Text must be UTF-8; of what is packed otherwise (a PDF) give the text that was taken out of it.
        """
        if self.known and not self.protected and _is_json(payload):
            return self._check_new(payload)
        tree = _json(payload)
        return self._check(payload.decode("utf-8", "replace"), None) if tree is None else self.check_value(tree)

    def check_value(self, tree: Any) -> list[Issue]:
        """The same for a JSON value."""
        return self._check(BETWEEN.join(sayings(tree)), tree)

    def check_known(self, tree: Any) -> list[Issue]:
        """The same for the value that the guard was made to know: what was withheld cannot be in it."""
        if self.protected:
            return replace(self, withheld=tuple).check_value(tree)
        return [issue("policy.hetu-leaves")] if self.tells_hetu(BETWEEN.join(_texts(self.known))) else []

    def knowing(self, tree: Any) -> "Guard":
        """The same guard, over what is made of `tree` too: what that says has not stayed."""

        def stayed() -> list[str]:
            whole = places.plain(BETWEEN.join(sayings(tree)))
            return [one for one in self.withheld() if one not in whole]

        return replace(self, known=self.known | quoted(encode(tree)), withheld=functools.cache(stayed))

    def _check_new(self, payload: bytes) -> list[Issue]:
        """What a payload says beyond the copy: mostly ids, and nothing that anybody has written."""
        new = list(map(_read, _texts(quoted(payload) - self.known)))
        found = [issue("policy.hetu-leaves")] if self.tells_hetu(BETWEEN.join(new)) else []
        written = [one for one in new if len(one) >= LONG and not self._is_made(one)]
        if written:
            whole = places.plain(BETWEEN.join(written))
            found += [issue("policy.text-leaves")] if any(one in whole for one in self.withheld()) else []
        return found

    def _is_made(self, text: str) -> bool:
        """Whether a text is a random id or a name of ours, or asks for one of the identifiers that go."""
        if _RANDOM.fullmatch(text) or _OURS.fullmatch(text):
            return True
        asked = _CRITERIA.fullmatch(text)
        if asked is None or not asked[1].startswith(_SCHEMES):
            return False
        return _RANDOM.fullmatch(asked[2]) is not None or quoted(encode(asked[2])) <= self.known

    def _check(self, text: str, tree: Any) -> list[Issue]:
        stayed = self.withheld()
        whole = places.plain(text) if stayed else ""
        found = {
            "policy.place-leaves": self.tells(text) or (self.protected and _structured(tree)),
            "policy.hetu-leaves": self.tells_hetu(text),
            "policy.text-leaves": any(one in whole for one in stayed),
        }
        return [issue(key) for key, is_there in found.items() if is_there]

    def tells(self, text: str) -> bool:
        """Whether a text gives the place of a protected family away."""
        return self.protected and any(self._tells(one) for one in places.variants(text))

    def tells_hetu(self, text: str) -> bool:
        """Whether a text holds a personal identity code that may not go."""
        allowed = self.hetus
        return allowed is not None and any(one not in allowed for one in hetus_in(text))

    def _tells(self, text: str) -> bool:
        if self.words and any(_word(text, found) not in self.names for found in self.words.finditer(text)):
            return True
        runs = places.numbers(text) if self.numbers else ()
        return any(secret in run for run in runs for secret in self.numbers)


def guard(case: Case, *, hetus: Iterable[str] | None = None) -> Guard:
    """The guard of a case; `hetus` are the personal identity codes that may go, None lets all of them."""
    allowed = None if hetus is None else frozenset(one.upper() for one in hetus)
    if not case.protected():
        return Guard(hetus=allowed)
    staff = set(filter(None, map(places.national, _staff_numbers(case))))
    secret = set(filter(None, map(places.national, _numbers(case)))) - staff
    words = places.pattern(_words(case))
    return Guard(True, words, frozenset(secret), frozenset(_names(case)), allowed)


def protects(payload: bytes, bundle: Mapping[str, Any]) -> list[Issue]:
    """What of the non-disclosure (turvakielto) of the family in `bundle` the payload would break, as errors.

    `bundle` is the whole case as the store holds it, not the minimised one, which knows no secrets any more.
    `Permitted.guard` checks the same and what the policy forbids besides.
    """
    return guard(Case(bundle)).check(payload)


def is_technical(key: str, value: str) -> bool:
    """Whether a text says nothing to a reader."""
    return key in TECHNICAL or (key in LINKS and _RANDOM.fullmatch(value) is not None)


def quoted(payload: bytes) -> frozenset[bytes]:
    """Every string of JSON, names of members among them, as it stands there between its quotes."""
    return frozenset(payload.replace(rb"\\", _SLASH).replace(rb"\"", _QUOTE).split(b'"')[1::2])


def _texts(strings: Iterable[bytes]) -> list[str]:
    """What strings that `quoted` gave say."""
    every = b'","'.join(strings).replace(_QUOTE, rb"\"").replace(_SLASH, rb"\\")
    found: list[str] = msgspec.json.decode(b'["%b"]' % every) if every else []
    return found


def _read(text: str) -> str:
    """A text as it is read: a narrative without its tags."""
    return _TAG.sub(" ", text) if text.startswith("<div") else text


def _is_json(payload: bytes) -> bool:
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _json(payload: bytes) -> Any:
    """The value of JSON, or the values of NDJSON; None for anything else."""
    try:
        return parse(payload)
    except JsonError:
        lines = [one for one in payload.splitlines() if one.strip()]
    try:
        return [parse(one) for one in lines] or None
    except JsonError:
        return None


def hetus_in(text: str) -> Iterator[str]:
    """The personal identity codes in a text, in capitals."""
    for found in _HETU.finditer(text):
        if not text[max(0, found.start() - 1) : found.start()].isalnum():
            yield found[0].upper()


def sayings(tree: Any) -> list[str]:
    """What a reader could read in a JSON value: its texts and whole numbers."""
    found: list[str] = []
    due = [tree]
    while due:
        node = due.pop()
        if isinstance(node, dict):
            for key, value in node.items():
                if not isinstance(value, str):
                    due.append(value)
                elif key == "div":
                    found.append(_TAG.sub(" ", value))
                elif not is_technical(key, value):
                    found.append(value)
        elif isinstance(node, list):
            due += node
        elif isinstance(node, str):
            found.append(node)
        elif isinstance(node, int) and not isinstance(node, bool):
            found.append(str(node))
    return found


def _structured(node: Any) -> bool:
    """Whether FHIR in a payload says where somebody is in a way that has no words: a code, a Location."""
    if isinstance(node, list):
        return any(map(_structured, node))
    if not isinstance(node, dict):
        return False
    kind = node.get("resourceType")
    if kind == "Location" or (kind in FAMILY and ("address" in node or "telecom" in node)):
        return True
    return node.get("system") == places.MUNICIPALITY or any(map(_structured, node.values()))


def _word(text: str, found: re.Match[str]) -> str:
    """The whole word that a match is in."""
    start, end = found.span()
    while start and (text[start - 1].isalnum() or text[start - 1] == "-"):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] == "-"):
        end += 1
    return text[start:end]


def _words(case: Case) -> Iterator[str]:
    for key, one in case.resources.items():
        kind = key.partition("/")[0]
        if kind in PLACES:
            yield places.literal(string(one, "name"))
            yield places.name(string(one, "name").partition("(")[0])
        if kind == "Location":
            yield places.literal(string(one, "description"))
        if kind in (*FAMILY, *PLACES):
            for address in (*objects(one, "address"), part(one, "address")):
                yield from _address(address)
        if kind in FAMILY:
            yield from (
                places.literal(said) for point in objects(one, "telecom") if "@" in (said := string(point, "value"))
            )
        yield from _codes(one)


def _address(address: Json) -> Iterator[str]:
    yield places.literal(string(address, "text"))
    yield places.name(string(address, "district"))
    yield places.name(string(address, "city"))
    yield places.postal_code(string(address, "postalCode"))
    for line in strings(address, "line"):
        yield from places.street(line)


def _codes(node: Any) -> Iterator[str]:
    """The names of the municipalities and counties that a resource has the codes of."""
    for one in objects(node, "extension"):
        value = value_of(one)
        if isinstance(value, dict) and value.get("system") == places.MUNICIPALITY:
            yield from _named(places.MUNICIPALITIES.get(string(value, "code"), ""))
            yield places.name(string(value, "display"))
        if one.get("url") == "county" and isinstance(value, str):
            yield from _named(places.COUNTIES.get(value, ""))
        yield from _codes(one)


@functools.cache
def _named(names: str) -> tuple[str, ...]:
    return tuple(places.name(one) for one in names.split())


def _numbers(case: Case) -> Iterator[str]:
    for key, one in case.resources.items():
        if key.partition("/")[0] in (*FAMILY, *PLACES):
            yield from (
                string(point, "value") for point in objects(one, "telecom") if "@" not in string(point, "value")
            )
    yield from _way(case, "worker-contacts-family")


def _staff_numbers(case: Case) -> Iterator[str]:
    """Numbers that a protected family's copy may have: those of the workers."""
    for _, one in case.of("PractitionerRole"):
        yield from (string(point, "value") for point in objects(one, "telecom"))
    yield from _way(case, "family-reaches-worker")


def _way(case: Case, way: str) -> Iterator[str]:
    for extension in objects(case.plan, "extension"):
        if string(extension, "url").endswith(f"/{way}"):
            for row in objects(extension, "extension"):
                if row.get("url") == "telecom":
                    yield string(value_of(row), "value")


def _names(case: Case) -> Iterator[str]:
    """Names of people that a place's stem could be found in (Kotkanen); a name that is the place itself is none."""
    towns = {places.plain(one) for one in _towns(case)}
    for kind in (*FAMILY, "Practitioner"):
        for _, one in case.of(kind):
            for name in objects(one, "name"):
                for said in (string(name, "family"), *strings(name, "given")):
                    yield from (word for word in places.plain(said).split(" ") if word and word not in towns)


def _towns(case: Case) -> Iterator[str]:
    for key, one in case.resources.items():
        if key.partition("/")[0] in (*FAMILY, *PLACES):
            for address in (*objects(one, "address"), part(one, "address")):
                yield string(address, "city")
        for code in values(one, "municipality") + values(one, "municipality-code"):
            yield from places.MUNICIPALITIES.get(string(code, "code"), "").split()
