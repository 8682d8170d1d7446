"""The chosen resources as copies: without the texts that may not go, complete for their profiles, and marked."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from service.fhir.reading import objects, part, string
from service.policy import marks, places
from service.policy.guard import HETU_SYSTEM, TECHNICAL, Guard, guard
from service.policy.minimise import Minimiser, in_order
from service.policy.model import Step
from service.policy.withheld import complete, without_texts

Json = Mapping[str, Any]
_LONG = 20
"""A shorter text may be in a payload by chance, in a heading or in the name of a code."""


def copies(chosen: Minimiser) -> tuple[list[dict[str, Any]], Guard]:
    """What goes, the plan first, and the guard over whatever is made of it."""
    secrets = guard(chosen.case, hetus=None if chosen.sector.limits.hetu_in_text else _hetus(chosen))
    made = [_copy(resource, chosen, secrets) for resource in in_order(chosen.kept, chosen.case)]
    made[0].setdefault("extension", []).append(marks.copy_of(chosen.case))
    return made, replace(secrets, withheld=tuple(withheld(chosen.case.resources.values(), made)))


def _copy(resource: dict[str, Any], chosen: Minimiser, secrets: Guard) -> dict[str, Any]:
    kind, own = resource["resourceType"], resource["id"]
    key = f"{kind}/{own}"
    if chosen.protected and kind == "PractitionerRole":
        _phones_only(resource)
    told: list[str] = []
    body = {name: value for name, value in resource.items() if name not in ("resourceType", "id")}
    clean = without_texts(body, _secret(secrets), told.append)
    chosen.steps += [Step(key, path, False, "policy.text-withheld") for path in told]
    less = any(one.resource == key and not one.kept for one in chosen.steps)
    meta = marks.meta(chosen.case.resources[key], chosen.policy, less=less)
    return complete({"resourceType": kind, "id": own, "meta": meta} | clean, chosen.policy)


def _secret(secrets: Guard) -> Callable[[str], bool]:
    return lambda text: secrets.tells(text) or secrets.tells_hetu(text)


def origin(chosen: Minimiser, key: str, provenance: Json) -> dict[str, Any]:
    """Where the plan comes from: the controller, and of the people only those who go for another reason."""
    case, made = chosen.case, chosen.take(key, provenance)
    agents = []
    for number, agent in enumerate(objects(made, "agent")):
        who = part(agent, "who")
        if "reference" in who and case.key(who) not in chosen.kept:
            chosen.steps.append(Step(key, f"agent[{number}]", False, "policy.leads-to-what-stays"))
            continue
        if chosen.protected:
            who.pop("display", None)
        agents.append(agent)
    return made | {"target": [{"reference": case.plan_reference}], "agent": agents}


def _phones_only(role: dict[str, Any]) -> None:
    """The address of a mailbox tells the town."""
    phones = [one for one in objects(role, "telecom") if one.get("system") in ("phone", "sms")]
    role.pop("telecom", None)
    if phones:
        role["telecom"] = phones


def _hetus(chosen: Minimiser) -> set[str]:
    """The personal identity codes that go as identifiers."""
    rows = (one for resource in chosen.kept.values() for one in objects(resource, "identifier"))
    return {string(one, "value") for one in rows if one.get("system") == HETU_SYSTEM}


def withheld(originals: Any, made: Any) -> Iterator[str]:
    """The longer texts of the originals that are nowhere in what was made of them, as they are compared."""
    going = set(_sayings(made))
    whole: str | None = None
    for text in dict.fromkeys(one for original in originals for one in _sayings(original)):
        if text not in going:
            whole = "\n".join(map(places.plain, going)) if whole is None else whole
            if len(said := places.plain(text).strip()) >= _LONG and said not in whole:
                yield said


def _sayings(node: Any) -> Iterator[str]:
    """What people have written: texts that are no names of codes."""
    if isinstance(node, dict):
        coded = "code" in node and "system" in node
        for key, value in node.items():
            if isinstance(value, str):
                if key not in TECHNICAL and not (coded and key == "display") and len(value) >= _LONG:
                    yield value
            else:
                yield from _sayings(value)
    elif isinstance(node, list):
        for one in node:
            if isinstance(one, str):
                if len(one) >= _LONG:
                    yield one
            else:
                yield from _sayings(one)
