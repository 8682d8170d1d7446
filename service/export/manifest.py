"""The manifest of a finished export: its files and what they hold.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#response---output-manifest
"""

from collections.abc import Callable, Iterable
from typing import Any

from service.export.jobs import DELETED, ERROR, OUTPUT, File, Job, Part
from service.store.values import instant

FORMAT = "application/fhir+ndjson"
Json = dict[str, Any]


def manifest(job: Job, parts: Iterable[Part], files: Iterable[File], url: Callable[[str], str]) -> Json:
    """As JSON; `url` gives the absolute address of a file by its name."""
    kinds = {one.number: one for one in parts}
    listed: dict[str, list[Json]] = {OUTPUT: [], DELETED: [], ERROR: []}
    for one in files:
        part = kinds[one.part]
        row: Json = {"url": url(one.name), "count": one.count}
        if part.kind != OUTPUT:
            row = {"type": "Bundle" if part.kind == DELETED else "OperationOutcome", **row}
        elif not job.wanted.organized:
            row = {"type": part.type, **row}
        if one.continues:
            row["continuesInFile"] = url(one.continues)
        listed[part.kind].append(row)
    organized = {"outputOrganizedBy": job.wanted.organized} if job.wanted.organized else {}
    return {
        "transactionTime": instant(job.at),
        "request": job.wanted.url,
        "requiresAccessToken": job.wanted.token,
        **organized,
        "output": listed[OUTPUT],
        "deleted": listed[DELETED],
        "error": listed[ERROR],
    }
