"""The people, organisations and places that the chosen things mention, and the mentions of what does not go.

A Reference to what goes stays a Reference; one to what another document holds stays as an identifier; any other goes,
with the thing that would mean nothing without it (a participant without an actor).
"""

from collections.abc import Mapping
from typing import Any

from service.fhir.reading import objects, part, string
from service.policy.case import Case
from service.policy.elements import At
from service.policy.minimise import CONTENT, Minimiser

Json = Mapping[str, Any]
_GONE: Any = object()
_HETU = "urn:oid:1.2.246.21"
# What an object is about: without it, the object goes too.
_ABOUT = frozenset({"actor", "member", "who", "valueReference"})
_LOGICAL = frozenset({"type", "identifier", "display"})
_ONLY_URL = frozenset({"url"})
_PEOPLE = frozenset({"Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Location"})


class Mentions:
    """Follows the references of what a `Minimiser` has chosen; what they lead to is taken along by the policy."""

    def __init__(self, chosen: Minimiser) -> None:
        self.chosen = chosen
        self.case: Case = chosen.case
        self._found: dict[str, str] = {}
        self._due: list[str] = []
        self._same = _twins(self.case)

    def follow(self) -> None:
        """Settle every reference, and take along whom they lead to."""
        kept = self.chosen.kept
        for child in self.chosen.children:
            self._person(child)
        for key in list(kept):
            kept[key] = self._settled(key, kept[key])
        while self._due:
            key = self._due.pop()
            kept[key] = self._settled(key, self.chosen.take(key, self.case.resources[key]))

    def _settled(self, key: str, resource: dict[str, Any]) -> dict[str, Any]:
        settled = self._object(resource, key, None)
        return settled if settled is not _GONE else {}

    def _object(self, node: dict[str, Any], key: str, at: At) -> Any:
        """What an object becomes; it is changed itself, since it is a copy already."""
        if _is_reference(node):
            return self._reference(node, key, at)
        gone = []
        for name, value in node.items():
            if isinstance(value, dict):
                settled = self._object(value, key, (at, name))
            elif isinstance(value, list):
                settled = self._list(value, key, (at, name))
            else:
                continue
            if settled is not _GONE:
                node[name] = settled
            elif name in _ABOUT:
                return _GONE
            else:
                gone.append(name)
        for name in gone:
            del node[name]
        return _GONE if not node or node.keys() == _ONLY_URL else node

    def _list(self, rows: list[Any], key: str, at: At) -> Any:
        every = []
        for number, row in enumerate(rows):
            settled = row
            if isinstance(row, dict):
                settled = self._object(row, key, (at, number))
            elif isinstance(row, list):
                settled = self._list(row, key, (at, number))
            if settled is not _GONE:
                every.append(settled)
        return every or _GONE

    def _reference(self, node: dict[str, Any], key: str, at: At) -> Any:
        said = node.get("reference")
        if not isinstance(said, str):
            return self._logical(node)
        target = self.case.key(node)
        if not target:
            # It is in another document; there it has an identifier.
            found = self._logical({name: node[name] for name in ("type", "identifier") if name in node})
            if found is _GONE:
                self.chosen.steps.stays(key, at, "policy.leads-nowhere")
            return found
        goes = self._goes(target)
        if not goes:
            self.chosen.steps.stays(key, at, "policy.leads-to-what-stays", {"type": target.partition("/")[0]})
            return _GONE
        return {"reference": goes}

    def _logical(self, node: dict[str, Any]) -> Any:
        if string(part(node, "identifier"), "system") == _HETU and not self._hetu():
            node = {name: value for name, value in node.items() if name != "identifier"}
        return node if "identifier" in node or "display" in node else _GONE

    def _hetu(self) -> bool:
        people = self.chosen.sector.paths["people"]
        return any("identifier:hetu" in paths for paths in people.values())

    def _goes(self, target: str) -> str:
        """Whom a mention may name: `target`, another entry for the same person, or nobody."""
        if target in self.chosen.kept:
            return target
        kind = target.partition("/")[0]
        if kind in CONTENT or kind not in _PEOPLE:
            return ""
        if target not in self._found:
            self._found[target] = next((one for one in self._candidates(target) if self._person(one)), "")
        return self._found[target]

    def _candidates(self, target: str) -> list[str]:
        return [target, *(one for one in self._same.get(target, ()) if one != target)]

    def _person(self, key: str) -> bool:
        """Take a person, organisation or place along, where it may go."""
        if key in self.chosen.kept:
            return True
        why, params = self._closed(key)
        if why:
            self.chosen.steps.stays(key, None, why, params)
            return False
        self.chosen.steps.goes(key, None, "policy.mentioned")
        self.chosen.kept[key] = {}
        self._due.append(key)
        return True

    def _closed(self, key: str) -> tuple[str, dict[str, str]]:
        resource, sector = self.case.resources[key], self.chosen.sector
        kind = resource["resourceType"]
        if kind == "Patient" and key not in self.chosen.children:
            return "policy.other-child", {"part": ""}
        if kind == "RelatedPerson" and (why := self._relative(resource)):
            return why, {"sector": sector.name}
        if self.chosen.policy.goes(sector, kind, protected=self.chosen.protected):
            return "", {}
        if self.chosen.policy.goes(sector, kind):
            return "policy.protected", {}
        return "policy.type-not-in-policy", {"type": kind, "sector": sector.name}

    def _relative(self, person: Json) -> str:
        """Why somebody of the family is not named."""
        if self.case.key(part(person, "patient")) not in self.chosen.children:
            return "policy.other-child"
        allowed = self.chosen.sector.limits.relatives
        codes = {string(one, "code") for row in objects(person, "relationship") for one in objects(row, "coding")}
        named = allowed == "all" or (allowed == "guardians" and "GUARD" in codes)
        return "" if named else "policy.relative-not-in-policy"


def _is_reference(node: dict[str, Any]) -> bool:
    if "reference" in node:
        return isinstance(node["reference"], str)
    # Most are longer, and comparing sets takes more than counting.
    return len(node) <= len(_LOGICAL) and node.keys() <= _LOGICAL


def _twins(case: Case) -> dict[str, list[str]]:
    """A guardian of two children stands there once for each; this finds the other entries of the same person."""
    by_name: dict[tuple[str, str], list[str]] = {}
    for key, one in case.of("RelatedPerson"):
        for identifier in objects(one, "identifier"):
            if identifier.get("use") == "usual":
                named = (string(identifier, "system"), string(identifier, "value"))
                by_name.setdefault(named, []).append(key)
    return {key: keys for keys in by_name.values() if len(keys) > 1 for key in keys}
