"""The entries of a Bundle, and an index to find them by.

https://hl7.org/fhir/R4/bundle.html#references
"""

import functools

from service.validation.references import LITERAL, Link, is_absolute
from service.validation.run import Json

Row = tuple[int, Json, Json | None]  # of a well-shaped entry: its index, itself and its resource


class Index:
    """The entries of one Bundle by fullUrl and by `Type/id`; finding one costs the same in a Bundle of any size."""

    def __init__(self, bundle: Json) -> None:
        self.rows: list[Row] = []
        kind = bundle.get("type")
        self.type = kind if isinstance(kind, str) else ""
        self.by_url: dict[str, list[Json]] = {}
        self._urls: dict[int, str] = {}
        self._split: dict[str, tuple[str, str, str] | None] = {}
        self._links: dict[str | None, dict[str, Link]] = {}
        given = bundle.get("entry")
        for index, entry in enumerate(given if type(given) is list else ()):
            if type(entry) is not dict:
                continue
            resource = entry.get("resource")
            if type(resource) is not dict:
                self.rows.append((index, entry, None))
                continue
            self.rows.append((index, entry, resource))
            if type(url := entry.get("fullUrl")) is str:
                self._urls[id(resource)] = url
                if url in self.by_url:
                    self.by_url[url].append(resource)
                else:
                    self.by_url[url] = [resource]

    @functools.cached_property
    def by_name(self) -> dict[str, list[Json]]:
        """The resources by `Type/id`, which is asked where a fullUrl does not tell."""
        found: dict[str, list[Json]] = {}
        for _, _, resource in self.rows:
            name, own_id = (resource or {}).get("resourceType"), (resource or {}).get("id")
            if resource is not None and type(name) is str and type(own_id) is str:
                found.setdefault(f"{name}/{own_id}", []).append(resource)
        return found

    def full_url_of(self, resource: Json) -> str | None:
        return self._urls.get(id(resource))

    def links(self, base: str | None) -> dict[str, Link]:
        """What was found for literals: the same from all entries below the same root."""
        return self._links.setdefault(self._root(base), {})

    def know(self, link: Link) -> None:
        """Note what `Type/id` leads to from below the root of the target's fullUrl, where that ends with just this."""
        target = link.target or {}
        url, literal = self._urls.get(link.number, ""), f"{link.type}/{target.get('id')}"
        if (root := self._root(url)) is not None and url == root + literal and self.by_url[url][0] is target:
            self._links.setdefault(root, {})[literal] = link

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
