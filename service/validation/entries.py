"""The entries of a Bundle, and an index to find them by.

https://hl7.org/fhir/R4/bundle.html#references
"""

from typing import Any

from service.validation.references import LITERAL, is_absolute
from service.validation.run import Json

Row = tuple[int, Json, Json | None]  # of a well-shaped entry: its index, itself and its resource


class Index:
    """The entries of one Bundle by fullUrl and by `Type/id`; finding one costs the same in a Bundle of any size."""

    def __init__(self, bundle: Json) -> None:
        self.rows = _rows(bundle)
        kind = bundle.get("type")
        self.type = kind if isinstance(kind, str) else ""
        self.by_url: dict[str, list[Json]] = {}
        self.by_name: dict[str, list[Json]] = {}
        self._urls: dict[int, str] = {}
        self._split: dict[str, tuple[str, str, str] | None] = {}
        self._links: dict[str | None, dict[str, Any]] = {}
        for _, entry, resource in self.rows:
            if resource is None:
                continue
            url = entry.get("fullUrl")
            if type(url) is str:
                _put(self.by_url, url, resource)
                self._urls[id(resource)] = url
            name, own_id = resource.get("resourceType"), resource.get("id")
            if type(name) is str and type(own_id) is str:
                _put(self.by_name, f"{name}/{own_id}", resource)

    def full_url_of(self, resource: Json) -> str | None:
        return self._urls.get(id(resource))

    def links(self, base: str | None) -> dict[str, Any]:
        """What was found for literals: the same from all entries below the same root."""
        root = self._root(base)
        if root not in self._links:
            self._links[root] = {}
        return self._links[root]

    def split(self, url: str) -> tuple[str, str, str] | None:
        """The root, type and id of a fullUrl that ends with a type and an id."""
        if url not in self._split:
            found = LITERAL.fullmatch(url)
            self._split[url] = (url[: found.start(1)], found[1], found[2]) if found else None
        return self._split[url]

    def _root(self, base: str | None) -> str | None:
        found = self.split(base) if base is not None else None
        return found[0] if found else None

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


def _put(found: dict[str, list[Json]], key: str, resource: Json) -> None:
    if key in found:
        found[key].append(resource)
    else:
        found[key] = [resource]


def _rows(bundle: Json) -> list[Row]:
    given = bundle.get("entry")
    every = enumerate(given) if type(given) is list else ()
    rows = [(index, entry, entry.get("resource")) for index, entry in every if type(entry) is dict]
    return [(index, entry, one if type(one) is dict else None) for index, entry, one in rows]
