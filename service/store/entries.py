"""The entries of a transaction or batch, read: method, address, conditions; what is malformed has its place.

https://hl7.org/fhir/R4/bundle.html#transaction
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from service.issues import issue
from service.store.errors import StoreError

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_URL = re.compile(
    r"/?(?:(?P<type>[A-Z][A-Za-z]{1,63})(?:/(?P<id>[A-Za-z0-9\-.]{1,64}))?)?"
    r"(?P<history>/?_history(?:/(?P<version>[1-9][0-9]{0,8}))?)?(?:\?(?P<query>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `pointer` is its JSON Pointer; `history` a `_history` address, `version` the version in it."""

    pointer: str
    method: str
    type: str
    id: str | None
    query: str
    history: bool
    version: int | None
    resource: dict[str, Any] | None
    full_url: str | None
    if_match: str | None
    if_none_match: str | None
    if_none_exist: str | None

    @contextmanager
    def at_fault(self, below: str) -> Iterator[None]:
        """Issues raised inside get this entry as their place, where they have none."""
        try:
            yield
        except StoreError as error:
            placed = (one if one.pointer else replace(one, pointer=self.pointer + below) for one in error.issues)
            raise StoreError(*placed) from None


def read_entries(bundle: Mapping[str, Any], base_urls: tuple[str, ...]) -> list[Entry]:
    """Every entry of the Bundle. Raises `StoreError` with the place of the first that cannot be carried out."""
    entries = bundle.get("entry", [])
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in ("transaction", "batch"):
        raise StoreError(issue("store.bundle"))
    if not isinstance(entries, list):
        raise StoreError(issue("store.bundle", pointer="/entry"))
    found = [read_entry(one, f"/entry/{index}", base_urls) for index, one in enumerate(entries)]
    seen: set[str] = set()
    for one in found:
        if one.full_url and one.method not in ("GET", "HEAD"):
            if one.full_url in seen:
                raise StoreError(issue("store.same-full-url", pointer=f"{one.pointer}/fullUrl", url=one.full_url))
            seen.add(one.full_url)
    return found


def read_entry(entry: Any, pointer: str, base_urls: tuple[str, ...]) -> Entry:
    """One entry at `pointer`."""
    request = entry.get("request") if isinstance(entry, dict) else None
    method, url = (request.get("method"), request.get("url")) if isinstance(request, dict) else (None, None)
    if not isinstance(request, dict) or not isinstance(method, str) or not isinstance(url, str):
        raise StoreError(issue("store.entry", pointer=f"{pointer}/request"))
    if method not in METHODS:
        raise StoreError(issue("store.entry-method", pointer=f"{pointer}/request/method", method=method))
    relative = next((url[len(base) :] for base in base_urls if url.startswith(base)), url)
    match = _URL.fullmatch(relative)
    resource = entry.get("resource")
    if match is None or not _fits(method, match, resource):
        raise StoreError(issue("store.entry", pointer=f"{pointer}/request/url"))
    return Entry(
        pointer,
        method,
        match["type"] or "",
        match["id"],
        match["query"] or "",
        match["history"] is not None,
        int(match["version"]) if match["version"] else None,
        resource if isinstance(resource, dict) else None,
        _text(entry.get("fullUrl")),
        _text(request.get("ifMatch")),
        _text(request.get("ifNoneMatch")),
        _text(request.get("ifNoneExist")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _fits(method: str, match: re.Match[str], resource: Any) -> bool:
    has_type = match["type"] is not None
    if method in ("GET", "HEAD"):
        return has_type or match["history"] is not None
    if not has_type or match["history"] is not None:
        return False
    if method == "DELETE":
        return _one_target(match)
    if not isinstance(resource, dict):
        return False
    if method == "PATCH":
        return _one_target(match)
    if resource.get("resourceType") != match["type"]:
        return False
    if method == "POST":
        return match["id"] is None
    return _one_target(match)


def _one_target(match: re.Match[str]) -> bool:
    """An id or criteria, never both and never neither."""
    return (match["id"] is not None) != bool(match["query"])
