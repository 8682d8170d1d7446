"""The entries of a Bundle, and an index to find them by.

https://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Iterator
from typing import Any

from service.validation.references import LITERAL, is_absolute
from service.validation.run import Json


class Index:
    """The entries of one Bundle by fullUrl and by `Type/id`; finding one costs the same in a Bundle of any size."""

    def __init__(self, bundle: Json) -> None:
        kind = bundle.get("type")
        self.type = kind if isinstance(kind, str) else ""
        self.by_url: dict[str, list[Json]] = {}
        self.by_name: dict[str, list[Json]] = {}
        self._urls: dict[int, str] = {}
        self._roots: dict[str | None, str | None] = {None: None}
        self._links: dict[str | None, dict[str, Any]] = {}
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

    def links(self, base: str | None) -> dict[str, Any]:
        """What was found for literals: the same from all entries below the same root."""
        return self._links.setdefault(self._root(base), {})

    def _root(self, base: str | None) -> str | None:
        """What stands before the type and id of the fullUrl `base`; None where that does not end with them."""
        if base not in self._roots:
            found = LITERAL.fullmatch(base or "")
            self._roots[base] = found.string[: found.start(1)] if found else None
        return self._roots[base]

    def find(self, reference: str, base: str | None) -> Json | None:
        """What `reference` in an entry with the fullUrl `base` points to, `None` where it is not in this Bundle."""
        plain, _, version = reference.partition("/_history/")
        if is_absolute(plain):
            return _pick(self.by_url.get(plain), version)
        if (root := self._root(base)) is not None:
            exact = self.by_url.get(root + plain)
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
