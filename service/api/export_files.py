"""The files of an export: only for who asked for it, whole or in part, compressed where that is wanted.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#bulk-data-output-file-request,
https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

import re
import zlib
from collections.abc import Iterator
from typing import IO

from flask import Blueprint, Response, request

from service.api import auditing
from service.api.answers import wanted
from service.api.context import store
from service.api.errors import Refused, refused
from service.api.export_status import folder, own
from service.export import jobs
from service.export.jobs import File
from service.export.manifest import FORMAT

_ACCEPTED = (FORMAT, "application/ndjson", "application/x-ndjson", "application/octet-stream")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_PIECE = 1 << 17
# Fast: what is saved is the network's time, not the disk's.
_LEVEL = 1

blueprint = Blueprint("export_files", __name__)


@blueprint.get("/export/<fid:id_>/<name>")
def download(id_: str, name: str) -> Response:
    used = auditing.begin("export-download", "R", f"export {id_}: {name[:80]}")
    job = own(id_)
    with store().database.read() as connection:
        one = next((row for row in jobs.files(connection, job.id) if row.name == name), None)
    if one is None or job.state != jobs.DONE:
        raise refused("export.file", name=name)
    used.description = f"export {id_}: {name}, {one.count} resources"
    if wanted(*_ACCEPTED) is None:
        raise refused("http.not-acceptable", possible=FORMAT)
    try:
        # Opened now: a file that is open can be read to its end, also when its export is deleted meanwhile.
        stream = (folder(job) / one.name).open("rb")
    except FileNotFoundError:
        raise refused("export.file", name=name) from None
    try:
        response = _known(one) or _part(stream, one) or _whole(stream, one)
    except Refused:
        stream.close()
        raise
    response.call_on_close(stream.close)
    response.vary.add("Accept-Encoding")
    return response


def _known(one: File) -> Response | None:
    """304, where the caller has the file already."""
    tags = {part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")}
    if tags.isdisjoint({"*", _tag(one), _tag(one, "gzip")}):
        return None
    return _stamped(Response(status=304), one)


def _whole(stream: IO[bytes], one: File) -> Response:
    if (
        request.accept_encodings["gzip"] > 0
        and request.accept_encodings["gzip"] >= request.accept_encodings["identity"]
    ):
        response = _stamped(Response(_gzipped(stream), content_type=FORMAT), one, "gzip")
        response.headers["Content-Encoding"] = "gzip"
        return response
    response = _stamped(Response(_bytes(stream, 0, one.size), content_type=FORMAT), one)
    response.headers["Content-Length"] = str(one.size)
    return response


def _part(stream: IO[bytes], one: File) -> Response | None:
    """The bytes that `Range` asks for; None where it asks for nothing that is understood, or the file has changed."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return None
    if request.headers.get("If-Range", _tag(one)) != _tag(one):
        return None
    first = int(match[1]) if match[1] else max(0, one.size - int(match[2]))
    last = min(int(match[2]), one.size - 1) if match[1] and match[2] else one.size - 1
    if match[1] and match[2] and int(match[2]) < first:
        return None
    if first >= one.size or first > last:
        raise refused("export.range", size=one.size).with_headers({"Content-Range": f"bytes */{one.size}"})
    response = _stamped(Response(_bytes(stream, first, last - first + 1), 206, content_type=FORMAT), one)
    response.headers["Content-Range"] = f"bytes {first}-{last}/{one.size}"
    response.headers["Content-Length"] = str(last - first + 1)
    return response


def _stamped(response: Response, one: File, encoding: str = "") -> Response:
    response.headers["ETag"] = _tag(one, encoding)
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _tag(one: File, encoding: str = "") -> str:
    """Strong: the hash of the bytes, and of what form they are sent in."""
    return f'"{one.digest.hex()[:32]}{f"-{encoding}" if encoding else ""}"'


def _bytes(stream: IO[bytes], start: int, count: int) -> Iterator[bytes]:
    stream.seek(start)
    while count > 0 and (piece := stream.read(min(count, _PIECE))):
        count -= len(piece)
        yield piece


def _gzipped(stream: IO[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    while piece := stream.read(_PIECE):
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
