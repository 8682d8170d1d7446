"""JSON Patch: operations on any JSON value, all of them or none.

https://www.rfc-editor.org/rfc/rfc6902, https://hl7.org/fhir/R4/http.html#patch
"""

import copy
from collections.abc import Callable
from typing import Any

from service.fhir.json import canonical
from service.fhir.patching import PatchError, wrong

MOST = 10_000
_MISSING = object()


def apply(value: Any, patch: Any) -> Any:
    """`value` with the operations of `patch` done to it; neither is changed. Raises `PatchError`."""
    if not isinstance(patch, list) or len(patch) > MOST:
        raise wrong("json-shape", "")
    result = copy.deepcopy(value)
    for index, operation in enumerate(patch):
        result = _step(result, operation, f"/{index}")
    return result


def _step(whole: Any, operation: Any, at: str) -> Any:
    kind = operation.get("op") if isinstance(operation, dict) else None
    work = OPERATIONS.get(kind) if isinstance(kind, str) else None
    if work is None or not isinstance(operation.get("path"), str):
        raise wrong("json-shape", at)
    return work(whole, operation, at)


def _add(whole: Any, operation: Any, at: str) -> Any:
    return _put(whole, operation["path"], copy.deepcopy(_value(operation, at)), at)


def _remove(whole: Any, operation: Any, at: str) -> Any:
    return _taken(whole, operation["path"], at)[0]


def _replace(whole: Any, operation: Any, at: str) -> Any:
    path, value = operation["path"], copy.deepcopy(_value(operation, at))
    if path == "":
        return value
    parent, step = _parent(whole, path, at)
    _at(parent, step, path, at)
    parent[step if isinstance(parent, dict) else int(step)] = value
    return whole


def _move(whole: Any, operation: Any, at: str) -> Any:
    source, target = _source(operation, at), operation["path"]
    if target.startswith(f"{source}/"):
        raise wrong("json-pointer", at, path=target)
    whole, value = _taken(whole, source, at)
    return _put(whole, target, value, at)


def _copy(whole: Any, operation: Any, at: str) -> Any:
    value = copy.deepcopy(_get(whole, _source(operation, at), at))
    return _put(whole, operation["path"], value, at)


def _test(whole: Any, operation: Any, at: str) -> Any:
    expected = _value(operation, at)
    if not _equal(_get(whole, operation["path"], at), expected):
        raise wrong("json-test", at, path=operation["path"])
    return whole


OPERATIONS: dict[str, Callable[[Any, Any, str], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _equal(one: Any, two: Any) -> bool:
    """Equal as JSON: numbers by value, objects whatever the order, and true is not 1."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_equal(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_equal, one, two))
    return bool(one == two) or canonical(one) == canonical(two)


def _value(operation: Any, at: str) -> Any:
    if "value" not in operation:
        raise wrong("json-shape", at)
    return operation["value"]


def _source(operation: Any, at: str) -> str:
    source = operation.get("from")
    if not isinstance(source, str):
        raise wrong("json-shape", at)
    return source


def _steps(path: str, at: str) -> list[str]:
    if path and not path.startswith("/"):
        raise wrong("json-pointer", at, path=path)
    return [one.replace("~1", "/").replace("~0", "~") for one in path.split("/")[1:]]


def _get(whole: Any, path: str, at: str) -> Any:
    for step in _steps(path, at):
        whole = _at(whole, step, path, at)
    return whole


def _parent(whole: Any, path: str, at: str) -> tuple[Any, str]:
    steps = _steps(path, at)
    for step in steps[:-1]:
        whole = _at(whole, step, path, at)
    if not isinstance(whole, dict | list):
        raise wrong("json-pointer", at, path=path)
    return whole, steps[-1]


def _at(value: Any, step: str, path: str, at: str) -> Any:
    found = _MISSING
    if isinstance(value, dict):
        found = value.get(step, _MISSING)
    elif isinstance(value, list) and _is_index(step) and int(step) < len(value):
        found = value[int(step)]
    if found is _MISSING:
        raise wrong("json-pointer", at, path=path)
    return found


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit() and (step == "0" or step[0] != "0") and len(step) < 10


def _put(whole: Any, path: str, value: Any, at: str) -> Any:
    if path == "":
        return value
    parent, step = _parent(whole, path, at)
    if isinstance(parent, dict):
        parent[step] = value
    elif step == "-":
        parent.append(value)
    elif _is_index(step) and int(step) <= len(parent):
        parent.insert(int(step), value)
    else:
        raise wrong("json-pointer", at, path=path)
    return whole


def _taken(whole: Any, path: str, at: str) -> tuple[Any, Any]:
    """The rest, and what stood at `path`."""
    if path == "":
        raise wrong("json-pointer", at, path=path)
    parent, step = _parent(whole, path, at)
    value = _at(parent, step, path, at)
    del parent[step if isinstance(parent, dict) else int(step)]
    return whole, value


__all__ = ["PatchError", "apply"]
