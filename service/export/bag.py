"""A BagIt bag: what says of a folder of files that they are all there and as they were.

https://www.rfc-editor.org/rfc/rfc8493
"""

import hashlib
import importlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.issues import Issue, issue

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAGS = "manifest-sha256.txt", "tagmanifest-sha256.txt"
_BLOCK = 1 << 20


def pack(folder: Path, info: Mapping[str, str]) -> None:
    """Make a bag of `folder`, whose payload is in `data/`. Done again, it gives the same bytes."""
    count = size = 0
    with (folder / MANIFEST).open("wb") as stream:
        for name in payload(folder):
            file = folder / name
            stream.write(_line(digest(file), name))
            count, size = count + 1, size + file.stat().st_size
    tags = {**info, "Payload-Oxum": f"{size}.{count}"}
    text = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in sorted(tags.items()))
    (folder / "bag-info.txt").write_bytes(text.encode())
    (folder / "bagit.txt").write_bytes(DECLARATION)
    names = sorted(("bag-info.txt", "bagit.txt", MANIFEST))
    (folder / TAGS).write_bytes(b"".join(_line(digest(folder / one), one) for one in names))


def payload(folder: Path) -> Iterator[str]:
    """The payload files, in the order of the manifest, a folder at a time."""
    yield from _below(folder / "data", "data")


def check(folder: Path, run: str) -> list[Issue]:
    """Whether the bag is valid, as the library of the Library of Congress sees it: structure, files, checksums."""
    bagit: Any = importlib.import_module("bagit")
    logging.getLogger("bagit").setLevel(logging.CRITICAL)
    try:
        bagit.Bag(str(folder)).validate()
    except bagit.BagError as error:
        return [issue("archive.broken-bag", run=run, reason=error)]
    return []


def digest(file: Path) -> str:
    """SHA-256 of a file, hex."""
    found = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _below(folder: Path, name: str) -> Iterator[str]:
    for one in sorted(folder.iterdir()):
        if one.is_dir():
            yield from _below(one, f"{name}/{one.name}")
        else:
            yield f"{name}/{one.name}"


def _line(sha256: str, name: str) -> bytes:
    return f"{sha256}  {name}\n".encode()
