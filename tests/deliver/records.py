"""A small FHIR record with the conditional semantics of R4, kept in a log of what really changed.

https://hl7.org/fhir/R4/http.html#cond-update, https://hl7.org/fhir/R4/http.html#transaction
"""

import copy
import json
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Made = tuple[int, Json | None, str]
TYPES = (
    *("Appointment", "AppointmentResponse", "Binary", "Bundle", "CarePlan", "CareTeam", "Communication", "Composition"),
    *("Consent", "DocumentReference", "Goal", "Location", "Organization", "Patient", "Practitioner"),
    *("PractitionerRole", "Provenance", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Task"),
)


class Refusal(Exception):
    """An interaction that cannot be carried out; all of a transaction is undone."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Records:
    """`changes` is the log: one row for each resource that was created, updated or deleted, in order.

    With `file` every change is flushed to disk before it is answered, and a new process goes on where the last ended.
    """

    def __init__(self, file: Path | None = None, *, sync: bool = True) -> None:
        self.changes: list[Json] = []
        self._now: dict[tuple[str, str], Json] = {}
        self._by_token: dict[tuple[str, ...], set[str]] = {}
        self._lock = threading.RLock()
        self._sync = sync
        self._log = None
        if file is not None:
            if file.exists():
                for line in file.read_bytes().splitlines():
                    self._take(json.loads(line))
            self._log = file.open("ab", buffering=0)

    def close(self) -> None:
        if self._log is not None:
            self._log.close()

    def all(self, type_name: str) -> list[Json]:
        """The resources of a type, as they are now."""
        with self._lock:
            return [copy.deepcopy(one) for (kind, _), one in self._now.items() if kind == type_name]

    def read(self, type_name: str, logical: str) -> Json | None:
        return self._now.get((type_name, logical))

    def search(self, type_name: str, query: str) -> list[str]:
        """The ids that match `identifier=system|value,…`, `_tag=…` or `_id=…`; any other criterion is refused."""
        found = {name: values for name, values in parse_qs(query).items() if name not in ("_format", "_count")}
        (name,) = found if len(found) == 1 else ("",)
        if name not in ("_id", "identifier", "_tag") or len(found[name]) != 1:
            raise Refusal(400, f"only one of identifier, _tag and _id is searched, not {sorted(found)}")
        wanted = re.split(r"(?<!\\),", found[name][0])
        if name == "_id":
            return sorted(one for one in wanted if (type_name, one) in self._now)
        tokens = ([re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\)\|", one, maxsplit=1)] for one in wanted)
        held = (self._by_token.get((type_name, name, *token), ()) for token in tokens if len(token) == 2)
        return sorted({one for some in held for one in some})

    def single(self, method: str, path: str, query: str, resource: Json | None, if_none_exist: str | None) -> Made:
        """Status, resource and `Type/id` of one interaction, carried out by itself."""
        with self._lock:
            return self._together(lambda: [self._carry_out(method, path, query, resource, if_none_exist)])[0]

    def transaction(self, bundle: Json) -> list[Made]:
        """Every entry or none; references by fullUrl and by search are resolved."""
        with self._lock:
            return self._together(lambda: self._entries(bundle))

    def _entries(self, bundle: Json) -> list[Made]:
        order = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3}
        rows = list(enumerate(bundle.get("entry", [])))
        known = {}
        for _, entry in rows:
            target = self._target(entry)
            if entry.get("fullUrl") and target:
                known[entry["fullUrl"]] = target
        made: dict[int, Made] = {}
        for index, entry in sorted(rows, key=lambda row: order[row[1]["request"]["method"]]):
            request = entry["request"]
            parts = urlsplit(request["url"])
            resource = copy.deepcopy(entry.get("resource"))
            if resource is not None:
                self._resolve(resource, known)
            given = known.get(entry.get("fullUrl", ""), "").rpartition("/")[2]
            path = parts.path.strip("/")
            made[index] = self._carry_out(
                request["method"], path, parts.query, resource, request.get("ifNoneExist"), given
            )
        touched = [one[2] for one in made.values() if one[2]]
        if len(touched) != len(set(touched)):
            raise Refusal(400, "two entries of the transaction are about the same resource")
        return [made[index] for index, _ in rows]

    def _target(self, entry: Json) -> str | None:
        """`Type/id` that an entry will have."""
        request = entry["request"]
        parts = urlsplit(request["url"])
        type_name, _, logical = parts.path.strip("/").partition("/")
        if logical:
            return f"{type_name}/{logical}"
        criteria = parts.query or request.get("ifNoneExist", "")
        found = self._one(type_name, criteria) if criteria else None
        if request["method"] == "POST" or parts.query:
            return f"{type_name}/{found or uuid.uuid4()}"
        return None

    def _resolve(self, node: Any, known: dict[str, str]) -> None:
        if isinstance(node, list):
            for one in node:
                self._resolve(one, known)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key in ("reference", "url") and isinstance(value, str):
                    if value in known:
                        node[key] = known[value]
                    elif key == "reference" and "?" in value and "://" not in value:
                        type_name, _, criteria = value.partition("?")
                        found = self._one(type_name, criteria)
                        if found is None:
                            raise Refusal(412, f"nothing matches the reference {value}")
                        node[key] = f"{type_name}/{found}"
                else:
                    self._resolve(value, known)

    def _one(self, type_name: str, criteria: str) -> str | None:
        found = self.search(type_name, criteria)
        if len(found) > 1:
            raise Refusal(412, "several resources match")
        return found[0] if found else None

    def _carry_out(
        self, method: str, path: str, query: str, resource: Json | None, if_none_exist: str | None, given: str = ""
    ) -> Made:
        type_name, _, logical = path.partition("/")
        if type_name not in TYPES:
            raise Refusal(404, f"{type_name} is not kept here")
        if method == "DELETE":
            gone = logical or self._one(type_name, query)
            if gone and (type_name, gone) in self._now:
                self._note("delete", type_name, gone, None)
            return 204, None, ""
        if method == "GET":
            found = self._now.get((type_name, logical))
            if found is None:
                raise Refusal(404, "not found")
            return 200, found, path
        if resource is None or resource.get("resourceType") != type_name:
            raise Refusal(400, "the body is not the type of the address")
        if method == "POST":
            same = self._one(type_name, if_none_exist) if if_none_exist else None
            if same is not None:
                return 200, self._now[type_name, same], f"{type_name}/{same}"
            return self._write(type_name, given or str(uuid.uuid4()), resource)
        if method == "PUT":
            wanted = logical or self._one(type_name, query) or given or str(uuid.uuid4())
            if logical and resource.get("id") != logical:
                raise Refusal(400, "the id is not that of the address")
            return self._write(type_name, wanted, resource)
        raise Refusal(405, method)

    def _write(self, type_name: str, logical: str, resource: Json) -> Made:
        before = self._now.get((type_name, logical))
        made = {"resourceType": type_name, "id": logical} | {k: v for k, v in resource.items() if k != "id"}
        if before is not None and _bare(before) == _bare(made):
            return 200, before, f"{type_name}/{logical}"
        version = int(before["meta"]["versionId"]) + 1 if before else 1
        made["meta"] = {**resource.get("meta", {}), "versionId": str(version)}
        self._note("update" if before else "create", type_name, logical, made)
        return (200 if before else 201), made, f"{type_name}/{logical}"

    def _together(self, what: Callable[[], list[Made]]) -> list[Made]:
        before = len(self.changes)
        try:
            made = what()
        except BaseException:
            self._undo(before)
            raise
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in self.changes[before:]]
        if self._log is not None and lines:
            # In one piece: a process that is killed has written all of a transaction or a last line that is none.
            self._log.write("".join(lines).encode())
            if self._sync:
                os.fsync(self._log.fileno())
        return made

    def _note(self, what: str, type_name: str, logical: str, resource: Json | None) -> None:
        self._take({"change": what, "type": type_name, "id": logical, "resource": resource})

    def _take(self, change: Json) -> None:
        key = (change["type"], change["id"])
        for one in _tokens(self._now.get(key)):
            self._by_token.get((key[0], *one), set()).discard(key[1])
        if change["resource"] is None:
            self._now.pop(key, None)
        else:
            self._now[key] = change["resource"]
        for one in _tokens(change["resource"]):
            self._by_token.setdefault((key[0], *one), set()).add(key[1])
        self.changes.append(change)

    def _undo(self, before: int) -> None:
        if len(self.changes) == before:
            return
        kept = self.changes[:before]
        self.changes, self._now, self._by_token = [], {}, {}
        for change in kept:
            self._take(change)


def _tokens(resource: Json | None) -> Iterator[tuple[str, str, str]]:
    """What the resource is found by: name of the search parameter, system, value."""
    found = (resource or {}).get("identifier", [])
    rows = [found] if isinstance(found, dict) else list(found)
    rows += [resource["masterIdentifier"]] if resource and "masterIdentifier" in resource else []
    for one in rows:
        yield "identifier", one.get("system", ""), one.get("value", "")
    for one in (resource or {}).get("meta", {}).get("tag", []):
        yield "_tag", one.get("system", ""), one.get("code", "")


def _bare(resource: Json) -> Json:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {k: v for k, v in resource.items() if k != "meta"} | ({"meta": meta} if meta else {})
