"""The terminology resource that an address names by its id: one that is kept, or else one that is loaded.

https://hl7.org/fhir/R4/valueset-operations.html. What is loaded has its url's last part for an id.
"""

from collections.abc import Mapping
from typing import Any

from flask import current_app

from service.api import auditing
from service.api.caller import caller, may
from service.api.context import store
from service.api.engine import engine
from service.api.errors import refused
from service.api.parameters import given

# How an operation on the type names the resource that may come along, and what else could name one.
BY_KIND = {
    "ValueSet": ("valueSet", "url", "valueSetVersion"),
    "CodeSystem": ("codeSystem", "url", "version"),
    "ConceptMap": ("conceptMap", "url", "conceptMapVersion"),
}


def given_to(kind: str, id_: str, known: Mapping[str, str]) -> dict[str, Any]:
    """The inputs of an operation on the resource `kind/id_`, as if it had been asked of the type with its url."""
    names = BY_KIND[kind]
    found = given({name: value for name, value in known.items() if name not in names})
    return found | _named(kind, id_, names[0])


def _named(kind: str, id_: str, name: str) -> dict[str, Any]:
    may("r", kind)
    kept = store().read(kind, id_, caller().who)
    if kept is not None and not kept.deleted:
        auditing.use().touch(kept)
        return {name: kept.resource()}
    url = _urls(kind).get(id_)
    if url is None:
        raise refused("store.not-found", type=kind)
    return {"url": url}


def _urls(kind: str) -> Mapping[str, str]:
    """The url of each loaded resource of that kind by its id; of two with one id, of the one that was loaded last."""
    tables: dict[str, dict[str, str]] = current_app.extensions.setdefault("yhdessa-loaded", {})
    if kind not in tables:
        converter = engine().converter
        urls = [row.url for row in converter.definitions.rows(kind)][::-1]
        if kind == "ConceptMap":
            urls += [str(one.get("url")) for one in converter.terminology.all_concept_maps()]
        tables[kind] = {url.rpartition("/")[2]: url for url in urls}
    return tables[kind]
