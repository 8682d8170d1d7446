"""Documents and messages: what their head refers to is there, and nothing is there that belongs to nothing.

https://hl7.org/fhir/R4/documents.html#content, https://hl7.org/fhir/R4/messaging.html
"""

from collections.abc import Iterator
from typing import Any

from service.validation.run import At, Json, Run


def check_whole(kind: str, at: At, run: Run) -> None:
    """Check the Bundle of the run, of the kind `document` or `message`."""
    first = next(iter(run.bundle.rows), None)
    if first is None or first[2] is None:
        run.add("validation.bundle-first", at, kind=kind)
        return
    place = ((((at, "entry"), first[0])), "resource")
    run.base = run.bundle.full_url_of(first[2])
    name = first[2].get("resourceType")
    if kind == "document" and name == "Composition":
        for reference, where in _composition(first[2], place):
            _must_resolve(reference, where, run)
        _check_linked(at, run)
    elif kind == "message" and name == "MessageHeader":
        for reference, where in _each(first[2], place, "focus"):
            _must_resolve(reference, where, run)
    run.base = None


def _must_resolve(reference: Any, at: At, run: Run) -> None:
    literal = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(literal, str) or not literal or literal.startswith("#"):
        return
    if run.bundle.find(literal, run.base) is None:
        run.add("validation.bundle-incomplete", (at, "reference"), reference=literal)


def _composition(node: Json, at: At) -> Iterator[tuple[Any, At]]:
    """The references of a Composition whose targets its document must hold."""
    for name in ("subject", "author", "encounter", "custodian"):
        yield from _each(node, at, name)
    for parent, name in (("attester", "party"), ("event", "detail")):
        for inner, place in _each(node, at, parent):
            yield from _each(inner, place, name)
    stack = list(_each(node, at, "section"))
    while stack:
        section, place = stack.pop()
        for name in ("author", "focus", "entry"):
            yield from _each(section, place, name)
        stack += _each(section, place, "section")


def _each(node: Any, at: At, name: str) -> Iterator[tuple[Any, At]]:
    value = node.get(name) if isinstance(node, dict) else None
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield item, ((at, name), index)
    elif value is not None:
        yield value, (at, name)


def _check_linked(at: At, run: Run) -> None:
    """Every entry is reached from the first by references, followed either way."""
    found = [(index, resource) for index, _, resource in run.bundle.rows if resource is not None]
    number = {id(resource): position for position, (_, resource) in enumerate(found)}
    linked: list[list[int]] = [[] for _ in found]
    for position, (_, resource) in enumerate(found):
        for text in _texts(resource):
            target = run.bundle.find(text, run.bundle.full_url_of(resource))
            other = number.get(id(target)) if target is not None else None
            if other is not None:
                linked[position].append(other)
                linked[other].append(position)
    reached, stack = {0}, [0]
    while stack:
        for other in linked[stack.pop()]:
            if other not in reached:
                reached.add(other)
                stack.append(other)
    for position, (index, resource) in enumerate(found):
        if position not in reached:
            run.add("validation.document-orphan", ((at, "entry"), index), type=resource.get("resourceType"))


def _texts(resource: Json) -> Iterator[str]:
    """Every text in a resource that may be a reference or an url of another."""
    stack: list[Any] = [resource]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            if "/" in node or node.startswith("urn:"):
                yield node
        elif isinstance(node, dict):
            stack += node.values()
        elif isinstance(node, list):
            stack += node
