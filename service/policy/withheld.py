"""What stands in the place of what stays: FHIR's own mark that something is there and withheld.

https://hl7.org/fhir/R4/extension-data-absent-reason.html (`masked`)
"""

from collections.abc import Callable, Mapping
from typing import Any

from service.policy.elements import EXTENSION, At
from service.policy.guard import LINKS, is_technical
from service.policy.rules import Policy

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
MASK: Mapping[str, Any] = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
Told = Callable[[At], None]
"""Is told the place of each text that was withheld."""
_TEAM_NEEDS = 2


def mask() -> dict[str, Any]:
    """A mark of its own for each place."""
    return {"extension": [dict(MASK["extension"][0])]}


def without_texts(node: dict[str, Any], secret: Callable[[str], bool], told: Told, at: At = None) -> dict[str, Any]:
    """The same with a mark in the place of each text that is `secret`."""
    out: dict[str, Any] = {}
    for key, value in node.items():
        where = (at, key)
        if isinstance(value, str):
            # A resource without its id is none: whoever looks at the whole refuses it.
            if is_technical(key, value) or (key in LINKS and (at is None or key != "id")) or not secret(value):
                out[key] = value
                continue
            told(where)
            if key != "id":
                out[f"_{key}"] = mask()
        elif isinstance(value, dict):
            out[key] = without_texts(value, secret, told, where)
        elif isinstance(value, list):
            if kept := list(_rows(value, secret, told, where)):
                out[key] = kept
        else:
            out[key] = value
    return out


def _rows(rows: list[Any], secret: Callable[[str], bool], told: Told, at: At) -> Any:
    for number, one in enumerate(rows):
        if isinstance(one, dict):
            yield without_texts(one, secret, told, (at, number))
        elif isinstance(one, str) and secret(one):
            told((at, number))
        else:
            yield one


def complete(resource: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """The same with a mark wherever a profile requires what is not there any more."""
    for path, shape in policy.required.get(resource["resourceType"], {}).items():
        if path.startswith(EXTENSION):
            _require_extension(resource, policy.names.url(path.removeprefix(EXTENSION)), shape, policy)
            continue
        *above, last = path.split(".")
        holder = resource
        for step in above:
            holder = holder.setdefault(step, {})
        if last not in holder and f"_{last}" not in holder:
            holder["_" + last if shape == "text" else last] = _mark(shape)
    _require_participants(resource)
    return resource


def _mark(shape: str) -> Any:
    if shape == "texts":
        return [{"_text": mask()}]
    return [mask()] if shape == "list" else mask()


def _require_extension(resource: dict[str, Any], url: str, shape: str, policy: Policy) -> None:
    kind = resource["resourceType"]
    if any(one.get("url") == url for one in resource.get("extension", ())):
        return
    # Of a meeting and a next contact, each has its own.
    other = {"near-worker": "contact-method", "contact-method": "near-worker"}.get(url.rpartition("/")[2])
    if kind == "Appointment" and any(one.get("url", "").endswith(f"/{other}") for one in resource.get("extension", ())):
        return
    resource.setdefault("extension", []).append({"url": url, shape: mask()})


def _require_participants(resource: dict[str, Any]) -> None:
    """Those who take part and are not named still took part: an Appointment has one at least, a team two."""
    kind = resource["resourceType"]
    if kind == "Appointment" and not resource.get("participant"):
        resource["participant"] = [{"actor": mask(), "status": "needs-action"}]
    if kind == "CareTeam":
        members = resource.setdefault("participant", [])
        while len(members) < _TEAM_NEEDS:
            members.append({"role": [mask()], "member": mask()})
