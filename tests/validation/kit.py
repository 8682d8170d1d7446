"""Small profiles and resources for the tests of the validator."""

import functools
from collections.abc import Iterable
from typing import Any

from service.fhir.definitions import core
from service.issues import Issue
from service.validation import Options, Validator

ROOT = "https://yhdessa.example/fhir/StructureDefinition/"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">Teksti</div>'
TEXT = {"status": "generated", "div": DIV}


@functools.cache
def plain() -> Validator:
    """A validator of R4 alone."""
    return Validator(core())


def profile(name: str, type_name: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A StructureDefinition from the elements of its differential (an `id` is enough: the path follows from it)."""
    rows = []
    for element in elements:
        steps = element["id"].split(".")
        row = {"path": ".".join(step.partition(":")[0] for step in steps), **element}
        if ":" in steps[-1]:
            row["sliceName"] = steps[-1].partition(":")[2]
        rows.append(row)
    return {
        "resourceType": "StructureDefinition",
        "url": ROOT + name,
        "name": name,
        "status": "active",
        "kind": "complex-type" if type_name in ("Extension", "Identifier", "Quantity") else "resource",
        "abstract": False,
        "type": type_name,
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{type_name}",
        "derivation": "constraint",
        "differential": {"element": rows},
        **more,
    }


def sliced(kind: str, path: str, rules: str = "open", **more: Any) -> dict[str, Any]:
    """The `slicing` of an element by one discriminator."""
    return {"slicing": {"discriminator": [{"type": kind, "path": path}], "rules": rules, **more}}


def judge(
    resource: dict[str, Any], *definitions: dict[str, Any], profiles: Iterable[str] | None = None, **options: Any
) -> list[Issue]:
    """What is found in `resource` against `profiles` (by default the first of `definitions`), without dom-6."""
    validator = Validator(core().with_resources(definitions)) if definitions else plain()
    urls = [ROOT + one for one in profiles] if profiles is not None else [one["url"] for one in definitions[:1]]
    found = validator.validate(resource, urls, options=Options(best_practice="ignore", **options))
    return [one for one in found if one.severity != "information"]


def kinds(found: Iterable[Issue]) -> list[str]:
    """The keys of issues without their area, invariants by their constraint."""
    return [one.constraint if one.key.endswith(".invariant") and one.constraint else _short(one.key) for one in found]


def _short(key: str) -> str:
    return key.removeprefix("validation.")


def extended(name: str, *elements: dict[str, Any], context: str = "Element", **more: Any) -> dict[str, Any]:
    """An extension definition; its url is fixed."""
    url = {"id": "Extension.url", "fixedUri": ROOT + name}
    rows = [{"id": "Extension", **more}, *elements, url]
    order = ["Extension", "Extension.extension", "Extension.url", "Extension.value[x]"]
    rows.sort(
        key=lambda row: next(i for i, one in enumerate(reversed(order)) if row["id"].startswith(one)), reverse=True
    )
    return profile(name, "Extension", *rows, context=[{"type": "element", "expression": context}])
