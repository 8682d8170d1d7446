"""The chosen resources as copies: without the texts that may not go, complete for their profiles, and marked."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from service.fhir.reading import objects, part, string
from service.policy import marks, places
from service.policy.elements import At
from service.policy.guard import BETWEEN, HETU_SYSTEM, LONG, Guard, guard, is_technical
from service.policy.minimise import Minimiser, in_order
from service.policy.withheld import complete, without_texts

Json = Mapping[str, Any]


def going(chosen: Minimiser) -> tuple[list[dict[str, Any]], Guard]:
    """What goes, the plan first, and the guard over whatever is made of it; of a protected family it is clean."""
    secrets = guard(chosen.case, hetus=None if chosen.sector.limits.hetu_in_text else _hetus(chosen))
    every = in_order(chosen.kept, chosen.case)
    every[0].setdefault("extension", []).append(marks.copy_of(chosen.case))
    if chosen.protected:
        _phones_only(every)
        # Their texts often name a place: all that is made of them is then made once.
        every = clean(every, chosen, secrets)
    return every, secrets


def clean(resources: Iterable[dict[str, Any]], chosen: Minimiser, secrets: Guard) -> list[dict[str, Any]]:
    """The same without the texts that tell what may not be told."""
    return [_clean(one, chosen, secrets) for one in resources]


def copies(
    resources: Iterable[dict[str, Any]], chosen: Minimiser, secrets: Guard
) -> tuple[list[dict[str, Any]], Guard]:
    """The copies of what goes, and the guard that knows which texts are not in them."""
    made = [_copy(one, chosen) for one in resources]

    @functools.cache
    def stayed() -> tuple[str, ...]:
        return tuple(withheld(chosen.case.resources.values(), made))

    return made, replace(secrets, withheld=stayed)


def _clean(resource: dict[str, Any], chosen: Minimiser, secrets: Guard) -> dict[str, Any]:
    told: list[At] = []
    cleaned = without_texts(resource, lambda text: secrets.tells(text) or secrets.tells_hetu(text), told.append)
    for at in told:
        chosen.steps.stays(_key(resource), at, "policy.text-withheld")
    return cleaned


def _copy(resource: dict[str, Any], chosen: Minimiser) -> dict[str, Any]:
    key = _key(resource)
    meta = marks.meta(chosen.case.resources[key], chosen.policy, less=key in chosen.steps.less)
    first = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta}
    return complete(first | resource, chosen.policy)


def _key(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def origin(chosen: Minimiser, key: str, provenance: Json) -> dict[str, Any]:
    """Where the plan comes from: the controller, and of the people only those who go for another reason."""
    case, made = chosen.case, chosen.take(key, provenance)
    agents = []
    for number, agent in enumerate(objects(made, "agent")):
        who = part(agent, "who")
        if "reference" in who and case.key(who) not in chosen.kept:
            chosen.steps.stays(key, ((None, "agent"), number), "policy.leads-to-what-stays")
            continue
        if chosen.protected:
            who.pop("display", None)
        agents.append(agent)
    return made | {"target": [{"reference": case.plan_reference}], "agent": agents}


def _phones_only(resources: Iterable[dict[str, Any]]) -> None:
    """Of the workers of a protected family: the address of a mailbox tells the town."""
    for role in resources:
        if role["resourceType"] == "PractitionerRole":
            phones = [one for one in objects(role, "telecom") if one.get("system") in ("phone", "sms")]
            role.pop("telecom", None)
            if phones:
                role["telecom"] = phones


def _hetus(chosen: Minimiser) -> set[str]:
    """The personal identity codes that go as identifiers."""
    rows = (one for resource in chosen.kept.values() for one in objects(resource, "identifier"))
    return {string(one, "value") for one in rows if one.get("system") == HETU_SYSTEM}


def withheld(originals: Iterable[Json], made: Iterable[Json]) -> Iterator[str]:
    """The longer texts of the originals that are nowhere in what was made of them, as they are compared."""
    going = frozenset(_written(list(made)))
    whole = BETWEEN.join(map(places.plain, going))
    # What an organisation is called is no secret here; that of a protected family's is one of the guard's words.
    people = [one for one in originals if one["resourceType"] != "Organization"]
    for text in dict.fromkeys(_written(people)):
        if text not in going and len(said := places.plain(text).strip()) >= LONG and said not in whole:
            yield said


def _written(tree: list[Json]) -> Iterator[str]:
    """What people have written: texts of some length that are no codes and not their names."""
    due: list[Any] = list(tree)
    while due:
        node = due.pop()
        if isinstance(node, dict):
            coded = "code" in node and "system" in node
            for key, value in node.items():
                if not isinstance(value, str):
                    due.append(value)
                elif len(value) >= LONG and not (coded and key in ("code", "display")) and not is_technical(key, value):
                    yield value
        elif isinstance(node, list):
            due += node
        elif isinstance(node, str) and len(node) >= LONG:
            yield node
