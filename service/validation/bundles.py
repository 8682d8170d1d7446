"""Bundles: the rules for entries, links and kinds of Bundle that no definition can say.

https://hl7.org/fhir/R4/bundle.html, https://hl7.org/fhir/R4/documents.html, https://hl7.org/fhir/R4/messaging.html
"""

from typing import TYPE_CHECKING

from service.validation.documents import check_whole
from service.validation.references import is_absolute
from service.validation.run import At, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

_URL_OPTIONAL = frozenset(("transaction", "transaction-response", "batch", "batch-response"))
_PAGES = frozenset(("first", "previous", "next", "last"))


def check_bundle(bundle: Json, at: At, run: Run, rules: "Rules") -> None:
    """What no definition can say of the Bundle that the run is at: fullUrls, links, and the shape of documents,
    messages and search results."""
    kind = run.bundle.type
    _check_links(bundle, kind, at, run)
    for index, entry, resource in run.bundle.rows:
        _check_full_url(entry, resource, kind, ((at, "entry"), index), run, rules)
    if kind in ("document", "message"):
        check_whole(kind, at, run)
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
    if type(url) is not str:
        return
    place = (at, "fullUrl")
    if not is_absolute(url):
        run.add("validation.full-url-relative", place, url=url)
        return
    named = run.bundle.split(url)
    if resource is None or named is None or named[1] not in rules.resource_types or "/_history/" in url:
        return
    name, own_id = resource.get("resourceType"), resource.get("id")
    if own_id is None:
        if kind not in _URL_OPTIONAL:
            run.add("validation.full-url-without-id", place, url=url)
    elif named[1:] != (name, own_id):
        # A message may carry a resource under the sender's url: R4 has an example of that.
        level = "warning" if kind == "message" else None
        run.add("validation.full-url-mismatch", place, severity=level, url=url, type=name, id=own_id)


def _check_search(bundle: Json, at: At, run: Run, rules: "Rules") -> None:
    wanted = _searched_types(bundle, rules)
    for index, entry, resource in run.bundle.rows:
        place = ((at, "entry"), index)
        if resource is None:
            run.add("validation.search-no-resource", place)
            continue
        search = entry.get("search")
        mode = search.get("mode") if isinstance(search, dict) else None
        name = resource.get("resourceType")
        if mode in ("match", "include") and "id" not in resource:
            run.add("validation.search-no-id", (place, "resource"))
        if mode == "match" and wanted and str(name) not in wanted:
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
