"""Well-known invariants in plain Python, each under the very text of its FHIRPath expression.

A definition with another expression under the same key is evaluated as FHIRPath. https://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from service.validation.keys import WHOLLY, ByKeys, has
from service.validation.references import contained
from service.validation.run import Run

Native = Callable[[Any, Run], bool | None]  # None: evaluate the FHIRPath


def _of_keys(test: ByKeys) -> Native:
    return lambda value, run: test(value)


def _ext_1(value: Any, run: Run) -> bool:
    for key in value:
        if key[:5] == "value" or key[:6] == "_value":
            return "extension" not in value
    return "extension" in value


def _ref_1(value: Any, run: Run) -> bool:
    reference = value.get("reference")
    if type(reference) is not str or not reference.startswith("#"):
        return True
    if len(reference) == 1:
        return True  # The resource that contains this one.
    return reference[1:] in contained(run)


def _per_1(value: Any, run: Run) -> bool | None:
    start, end = value.get("start"), value.get("end")
    if type(start) is not str or type(end) is not str or start == end:
        return True
    if len(start) == len(end) and start[19:] == end[19:]:
        return start <= end
    return None


def _inside(value: Any) -> list[Any]:
    rows = value.get("contained")
    return [one for one in rows if type(one) is dict] if type(rows) is list else []


def _dom_2(value: Any, run: Run) -> bool:
    return not any("contained" in one for one in _inside(value))


def _meta(value: Any, *names: str) -> bool:
    metas = [one.get("meta") for one in _inside(value)]
    return not any(type(meta) is dict and has(meta, name) for meta in metas for name in names)


def _dom_3(value: Any, run: Run) -> bool:
    inside = _inside(value)
    if not inside:
        return True
    named = {text[1:] for text in _texts(value) if text.startswith("#")}
    return all(str(one.get("id")) in named or "#" in _texts(one) for one in inside)


def _texts(value: Any) -> set[str]:
    """Every string in `value` that could be a reference or a url within the document."""
    found: set[str] = set()
    stack = [value]
    while stack:
        node = stack.pop()
        if type(node) is dict:
            for item in node.values():
                if type(item) is str:
                    if item[:1] == "#":
                        found.add(item)
                else:
                    stack.append(item)
        elif type(node) is list:
            stack += (one for one in node if type(one) is not str)
            found.update(one for one in node if type(one) is str and one[:1] == "#")
    return found


def _dom_6(value: Any, run: Run) -> bool:
    text = value.get("text")
    return run.resource is not run.root or (type(text) is dict and has(text, "div"))


_HISTORY = frozenset(("batch", "transaction", "history"))
_RESPONSES = frozenset(("batch-response", "transaction-response", "history"))


def _entries(value: Any) -> list[Any]:
    rows = value.get("entry")
    if type(rows) is not list:
        return []
    return rows if {*map(type, rows)} == {dict} else [one for one in rows if type(one) is dict]


def _bdl_2(value: Any, run: Run) -> bool | None:
    for entry in _entries(value):
        if "search" in entry or "_search" in entry:
            return None
    return True


def _bdl_3(value: Any, run: Run) -> bool:
    return _have(value, "request", run.bundle.type in _HISTORY)


def _bdl_4(value: Any, run: Run) -> bool:
    return _have(value, "response", run.bundle.type in _RESPONSES)


def _have(value: Any, name: str, wanted: bool) -> bool:
    for entry in _entries(value):  # noqa: SIM110 - a generator costs more than what it does here
        if (name in entry) != wanted:
            return False
    return True


def _bdl_7(value: Any, run: Run) -> bool:
    if value.get("type") == "history":
        return True
    marks = [mark for entry in _entries(value) if (mark := _versioned(entry)) is not None]
    return len(set(marks)) == len(marks)


def _versioned(entry: Any) -> str | None:
    """The fullUrl of an entry and the version of its resource; None where it has none."""
    url = entry.get("fullUrl")
    if type(url) is not str or "resource" not in entry:
        return url if type(url) is str else None
    resource = entry["resource"]
    meta = resource["meta"] if type(resource) is dict and "meta" in resource else None
    return f"{url}{meta['versionId']}" if type(meta) is dict and "versionId" in meta else url


def _bdl_8(value: Any, run: Run) -> bool:
    url = value.get("fullUrl")
    return type(url) is not str or "/_history/" not in url


def _ras_2(value: Any, run: Run) -> bool | None:
    return None if has(value, "probabilityDecimal") else True


def _que_12(value: Any, run: Run) -> bool:
    # R4 counts from three, though its own words, and the official validator, say two.
    conditions = value.get("enableWhen")
    return type(conditions) is not list or len(conditions) < 2 or has(value, "enableBehavior")


def _only_if(kind: str) -> Native:
    """What is asked of a Bundle of one kind alone."""
    return lambda value, run: True if type(value.get("type")) is str and value["type"] != kind else None


NATIVES: Mapping[str, Native] = MappingProxyType(
    {
        **{expression: _of_keys(test) for expression, test in WHOLLY.items()},
        "extension.exists() != value.exists()": _ext_1,
        "reference.startsWith('#').not() or (reference.substring(1).trace('url') in "
        "%rootResource.contained.id.trace('ids'))": _ref_1,
        "start.hasValue().not() or end.hasValue().not() or (start <= end)": _per_1,
        "contained.contained.empty()": _dom_2,
        "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()": lambda value, run: _meta(
            value, "versionId", "lastUpdated"
        ),
        "contained.meta.security.empty()": lambda value, run: _meta(value, "security"),
        "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | "
        "%resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#')"
        ".exists() or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = '#')"
        ".exists()).not()).trace('unmatched', id).empty()": _dom_3,
        "text.`div`.exists()": _dom_6,
        "entry.search.empty() or (type = 'searchset')": _bdl_2,
        "entry.all(request.exists() = (%resource.type = 'batch' or %resource.type = 'transaction' or "
        "%resource.type = 'history'))": _bdl_3,
        "entry.all(response.exists() = (%resource.type = 'batch-response' or %resource.type = 'transaction-response' "
        "or %resource.type = 'history'))": _bdl_4,
        "(type = 'history') or entry.where(fullUrl.exists()).select(fullUrl&resource.meta.versionId).isDistinct()": (
            _bdl_7
        ),
        # Of a missing value these two are empty, which is not true; R4's own examples show that it is meant to be.
        "fullUrl.contains('/_history/').not()": _bdl_8,
        "type = 'document' implies (identifier.system.exists() and identifier.value.exists())": _only_if("document"),
        "type = 'document' implies (timestamp.hasValue())": _only_if("document"),
        "type = 'document' implies entry.first().resource.is(Composition)": _only_if("document"),
        "type = 'message' implies entry.first().resource.is(MessageHeader)": _only_if("message"),
        "probability is decimal implies (probability as decimal) <= 100": _ras_2,
        "enableWhen.count() > 2 implies enableBehavior.exists()": _que_12,
    }
)
