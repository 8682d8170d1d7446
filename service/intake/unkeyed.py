"""The way back from the keyed form, as maps from FHIR give it: local ids instead of references, no added ids."""

from collections.abc import Mapping
from typing import Any

from service.intake.identity import RESOURCES
from service.intake.keyed import ADDED
from service.intake.schema import Schema, base
from service.intake.shape import Shape


class Unresolved(ValueError):
    """A reference that names nothing in the document and carries no local id; `reference` is that reference."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"`{reference}` names nothing in the document")
        self.reference = reference


def unkeyed(document: Mapping[str, Any], *, schema: Schema | None = None) -> dict[str, Any]:
    """The source document of a keyed one.

    A reference may hold its local `id`, or only `reference`: then it is found among the entities' `resourceId`s (for a
    guardian any relation's counts). `Unresolved` where neither is there.
    """
    shape = (schema or base()).shapes[document["kind"]]
    known: dict[str, str] = {}
    _collect(document, shape, "", known)
    out: dict[str, Any] = _back(document, shape, known)
    family = out.get("family", {})
    for people in ("guardians", "others"):
        if people in family:
            family[people] = _joined(family[people])
    for name in ADDED:
        out.pop(name, None)
    return out


def _joined(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each person once: FHIR has a RelatedPerson for each child, a document one person with several relations."""
    found: dict[Any, dict[str, Any]] = {}
    for index, one in enumerate(people):
        # A person of another system's making may have no id of ours: then it is nobody else.
        name = one.get("id", index)
        if name in found:
            found[name]["relations"] += one.get("relations", ())
        else:
            found[name] = one | {"relations": list(one.get("relations", ()))}
    return list(found.values())


def _collect(value: Any, shape: Shape, owner: str, known: dict[str, str]) -> None:
    if shape.items is not None:
        for one in value:
            _collect(one, shape.items, owner, known)
    elif shape.type == "object":
        owner = value.get("id", owner)
        if shape.entity and "resourceId" in value:
            known[f"{RESOURCES.get(shape.entity, 'Basic')}/{value['resourceId']}"] = owner
        if "practitionerId" in value:
            known.setdefault(f"Practitioner/{value['practitionerId']}", owner)
        for name, one in shape.fields.items():
            if name in value and one.shape.type in ("object", "array"):
                _collect(value[name], one.shape, owner, known)


def _back(value: Any, shape: Shape, known: Mapping[str, str]) -> Any:
    if shape.reference:
        return _local(value, known)
    if shape.items is not None:
        return [_back(one, shape.items, known) for one in value]
    if shape.type != "object":
        return value
    extra = ("resourceId", "practitionerId") if shape.entity else ()
    return {
        name: _back(one, shape.fields[name].shape, known) if name in shape.fields else one
        for name, one in value.items()
        if name not in extra
    }


def _local(value: Any, known: Mapping[str, str]) -> str:
    if isinstance(value, str):
        return value
    if "id" in value:
        return str(value["id"])
    reference = str(value.get("reference", ""))
    if reference not in known:
        raise Unresolved(reference)
    return known[reference]
