"""The check of all instances of one child element: how many, of which types, in which slices, and each of them.

https://hl7.org/fhir/R4/conformance-rules.html#cardinality
"""

from collections.abc import Callable

from service.validation.items import Extract, Item
from service.validation.run import At, ItemCheck, Json, Run
from service.validation.slicing import Slicer

ChildCheck = Callable[[Json, At, Run], None]


def child_check(
    path: str,
    name: str,
    extract: Extract,
    least: int,
    limit: int | None,
    allowed: frozenset[str] | None,
    each: dict[str, ItemCheck],
    slicer: Slicer | None,
) -> ChildCheck:
    """The check of the child `name` of an object: at least `least` and at most `limit` instances (None: any number), of
    the types `allowed` (None: any), each of them by its type in `each`, and all of them by their slices."""

    def check(holder: Json, at: At, run: Run) -> None:
        found = extract(holder, at)
        count = len(found)
        if count < least:
            run.add("validation.minimum", at, name=name, path=path, least=least, count=count)
        if limit is not None and count > limit:
            _too_many(found, limit, name, at, run)
        for item in found:
            if allowed is not None and _type_of(item) not in allowed:
                run.add("validation.type-not-allowed", item.at, type=_type_of(item), allowed=", ".join(sorted(allowed)))
            elif (test := each.get(item.type)) is not None:
                test(item.value, item.sibling, item.at, run)
        if slicer is not None:
            slicer.check(found, at, run)

    return check


def _type_of(item: Item) -> str:
    if item.type == "Resource" and type(item.value) is dict:
        return str(item.value.get("resourceType"))
    return item.type


def _too_many(found: list[Item], limit: int, name: str, at: At, run: Run) -> None:
    if limit == 0:
        run.add("validation.not-allowed", found[0].at, name=name)
    else:
        run.add("validation.maximum", at, name=name, most=limit, count=len(found))
