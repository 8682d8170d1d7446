"""Bundles: an index of what stands in one, and the rules for its entries, kind by kind.

https://hl7.org/fhir/R4/bundle.html, https://hl7.org/fhir/R4/documents.html, https://hl7.org/fhir/R4/messaging.html
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from service.validation.references import LITERAL, is_absolute
from service.validation.run import At, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

_URL_OPTIONAL = frozenset(("transaction", "transaction-response", "batch", "batch-response"))
_PAGES = frozenset(("first", "previous", "next", "last"))


class Index:
    """The entries of one Bundle by fullUrl and by `Type/id`; finding one costs the same in a Bundle of any size."""

    def __init__(self, bundle: Json) -> None:
        kind = bundle.get("type")
        self.type = kind if isinstance(kind, str) else ""
        self.by_url: dict[str, list[Json]] = {}
        self.by_name: dict[str, list[Json]] = {}
        self._urls: dict[int, str] = {}
        for _, entry, resource in entries(bundle):
            url = entry.get("fullUrl")
            if resource is None:
                continue
            if isinstance(url, str):
                self.by_url.setdefault(url, []).append(resource)
                self._urls[id(resource)] = url
            name, own_id = resource.get("resourceType"), resource.get("id")
            if isinstance(name, str) and isinstance(own_id, str):
                self.by_name.setdefault(f"{name}/{own_id}", []).append(resource)

    def full_url_of(self, resource: Json) -> str | None:
        return self._urls.get(id(resource))

    def find(self, reference: str, base: str | None) -> Json | None:
        """What `reference` in an entry with the fullUrl `base` points to, `None` where it is not in this Bundle."""
        plain, _, version = reference.partition("/_history/")
        if is_absolute(plain):
            return _pick(self.by_url.get(plain), version)
        if base is not None and (match := LITERAL.fullmatch(base)):
            exact = self.by_url.get(base[: match.start(1)] + plain)
            if exact:
                return _pick(exact, version)
        return _pick(self.by_name.get(plain), version)


def _pick(found: list[Json] | None, version: str) -> Json | None:
    if not found:
        return None
    if version:
        for one in found:
            meta = one.get("meta")
            if isinstance(meta, dict) and meta.get("versionId") == version:
                return one
    return found[0]


def entries(bundle: Json) -> Iterator[tuple[int, Json, Json | None]]:
    """Each well-shaped entry: its index, itself and its resource."""
    rows = bundle.get("entry")
    for index, entry in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(entry, dict):
            resource = entry.get("resource")
            yield index, entry, resource if isinstance(resource, dict) else None


def check_bundle(bundle: Json, at: At, run: Run, rules: "Rules") -> None:
    """What no definition can say: fullUrls, links, and the shape of documents, messages and search results."""
    kind = run.bundle.type
    _check_links(bundle, kind, at, run)
    for index, entry, resource in entries(bundle):
        _check_full_url(entry, resource, kind, ((at, "entry"), index), run, rules)
    if kind in ("document", "message"):
        _check_first(bundle, kind, at, run)
    elif kind == "searchset":
        _check_search(bundle, at, run, rules)


def _check_links(bundle: Json, kind: str, at: At, run: Run) -> None:
    seen: set[str] = set()
    links = bundle.get("link")
    for index, link in enumerate(links if isinstance(links, list) else ()):
        relation = link.get("relation") if isinstance(link, dict) else None
        if not isinstance(relation, str):
            continue
        place = (((at, "link"), index), "relation")
        if relation in _PAGES and kind not in ("searchset", "history", ""):
            run.add("validation.bundle-link", place, relation=relation, kind=kind)
        elif relation in seen and (relation in _PAGES or relation == "self"):
            run.add("validation.bundle-link-twice", place, relation=relation)
        seen.add(relation)


def _check_full_url(entry: Json, resource: Json | None, kind: str, at: At, run: Run, rules: "Rules") -> None:
    url = entry.get("fullUrl")
    if url is None:
        search = entry.get("search")
        is_outcome = isinstance(search, dict) and search.get("mode") == "outcome"
        if resource is not None and kind not in _URL_OPTIONAL and kind and not is_outcome:
            run.add("validation.full-url-missing", at, kind=kind)
        return
    if not isinstance(url, str):
        return
    place = (at, "fullUrl")
    if not is_absolute(url):
        run.add("validation.full-url-relative", place, url=url)
        return
    named = LITERAL.fullmatch(url)
    if resource is None or named is None or named[1] not in rules.resource_types or "/_history/" in url:
        return
    name, own_id = resource.get("resourceType"), resource.get("id")
    if own_id is None:
        if kind not in _URL_OPTIONAL:
            run.add("validation.full-url-without-id", place, url=url)
    elif (named[1], named[2]) != (name, own_id):
        # A message may carry a resource under the sender's url: R4 has an example of that.
        level = "warning" if kind == "message" else None
        run.add("validation.full-url-mismatch", place, severity=level, url=url, type=name, id=own_id)


def _check_first(bundle: Json, kind: str, at: At, run: Run) -> None:
    first = next(entries(bundle), None)
    if first is None or first[2] is None:
        run.add("validation.bundle-first", at, kind=kind)
        return
    place = ((((at, "entry"), first[0])), "resource")
    run.base = run.bundle.full_url_of(first[2])
    if kind == "document" and first[2].get("resourceType") == "Composition":
        for reference, where in _composition(first[2], place):
            _must_resolve(reference, where, run)
    elif kind == "message" and first[2].get("resourceType") == "MessageHeader":
        for reference, where in _each(first[2], place, "focus"):
            _must_resolve(reference, where, run)
    run.base = None


def _must_resolve(reference: Any, at: At, run: Run) -> None:
    literal = reference.get("reference") if isinstance(reference, dict) else None
    if isinstance(literal, str) and literal and not literal.startswith("#"):
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


def _check_search(bundle: Json, at: At, run: Run, rules: "Rules") -> None:
    wanted = _searched_types(bundle, rules)
    for index, entry, resource in entries(bundle):
        place = ((at, "entry"), index)
        if resource is None:
            run.add("validation.search-no-resource", place)
            continue
        search = entry.get("search")
        mode = search.get("mode") if isinstance(search, dict) else None
        name = resource.get("resourceType")
        if mode in ("match", "include") and "id" not in resource:
            run.add("validation.search-no-id", (place, "resource"))
        if mode == "match" and wanted and name not in wanted:
            run.add("validation.search-type", (place, "resource"), type=name, wanted=", ".join(sorted(wanted)))
        elif mode == "outcome" and name != "OperationOutcome":
            run.add("validation.search-outcome", (place, "resource"), type=name)


def _searched_types(bundle: Json, rules: "Rules") -> set[str]:
    """The types that the self link says were searched for; empty where it does not tell."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "self" and isinstance(link.get("url"), str):
            path, _, query = link["url"].partition("?")
            last = path.rstrip("/").rpartition("/")[2]
            if last in rules.resource_types:
                return {last}
            for part in query.split("&"):
                if part.startswith("_type="):
                    return set(part[6:].split(","))
    return set()
