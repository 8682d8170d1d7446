"""Pack: conformance resources in one small file, each read only when it is asked for.

The file: the mark `YFP1`, the length of the index (4 bytes, big endian), the index (zlib, JSON), then the blocks.
A block is a zlib-compressed JSON array of resources; an index row says in which block, at which place one lies.
Resources of one kind repeat each other, so each kind has a dictionary (its own block) that its blocks refer to.
"""

import functools
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from service.fhir import json

MARK = b"YFP1"
_LEVEL = 9
_WINDOW = 32_768
_SAMPLES = 32


class PackError(ValueError):
    """The file is no pack, or it is damaged."""


class Row(msgspec.Struct, array_like=True, frozen=True):
    """Where one resource lies, with the little that must be known before it is read (`info`, see `describe`)."""

    kind: str
    url: str
    version: str
    name: str
    info: dict[str, Any]
    block: int
    place: int


class _Index(msgspec.Struct, frozen=True):
    meta: dict[str, Any]
    rows: list[Row]
    lengths: list[int]
    dictionaries: dict[str, int]


_index_decoder = msgspec.json.Decoder(_Index)
_decoder = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Pack:
    """An open pack: `meta` (name, version, dependencies, …), `rows`, the same by kind and url, and `load(row)`."""

    meta: Mapping[str, Any]
    rows: Sequence[Row]
    _read: Callable[[str, int], list[dict[str, Any]]]
    index: Mapping[tuple[str, str], list[Row]] = field(init=False)

    def __post_init__(self) -> None:
        index: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            index.setdefault((row.kind, row.url), []).append(row)
        object.__setattr__(self, "index", index)

    def load(self, row: Row) -> dict[str, Any]:
        """The resource of that row; shared, so it must not be changed."""
        resource: dict[str, Any] = self._read(row.kind, row.block)[row.place]
        return resource


def pack(resources: Iterable[dict[str, Any]], meta: Mapping[str, Any]) -> bytes:
    """The bytes of a pack; the same resources give the same bytes, whatever their order."""
    blocks: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for resource in sorted(resources, key=_order):
        blocks.setdefault(_block_key(resource), []).append(resource)
    texts = {key: json.encode(block) for key, block in blocks.items()}
    samples = _dictionaries(texts)
    data = [zlib.compress(sample, _LEVEL) for sample in samples.values()]
    rows = [
        _row(resource, number, place)
        for number, block in enumerate(blocks.values(), len(data))
        for place, resource in enumerate(block)
    ]
    data += [_compress(text, samples[key[0]]) for key, text in texts.items()]
    numbers = {kind: number for number, kind in enumerate(samples)}
    index = zlib.compress(json.encode(_Index(dict(meta), rows, [len(one) for one in data], numbers)), _LEVEL)
    return b"".join((MARK, len(index).to_bytes(4, "big"), index, *data))


def _dictionaries(texts: Mapping[tuple[str, ...], bytes]) -> dict[str, bytes]:
    """What resources of each kind look like: the ends of some, taken evenly."""
    samples: dict[str, bytes] = {}
    for kind in dict.fromkeys(key[0] for key in texts):
        own = [text for key, text in texts.items() if key[0] == kind]
        chosen = own[:: max(1, len(own) // _SAMPLES)]
        samples[kind] = b"".join(text[-_WINDOW // len(chosen) :] for text in chosen)[-_WINDOW:]
    return samples


def _compress(text: bytes, dictionary: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zdict=dictionary)
    return compressor.compress(text) + compressor.flush()


def open_pack(file: Path) -> Pack:
    """The pack in `file`, read into memory as it is (compressed); `PackError` where it is damaged."""
    return unpack(file.read_bytes())


def unpack(data: bytes) -> Pack:
    """The pack in `data`; only its index is decoded."""
    try:
        if data[:4] != MARK:
            raise PackError("not a pack")
        start = 8 + int.from_bytes(data[4:8], "big")
        index = _index_decoder.decode(zlib.decompress(data[8:start]))
    except (zlib.error, msgspec.DecodeError) as error:
        raise PackError(str(error)) from None
    if start + sum(index.lengths) != len(data):
        raise PackError("the file is cut short or too long")
    ends = [start]
    for length in index.lengths:
        ends.append(ends[-1] + length)

    def block_bytes(number: int) -> bytes:
        return data[ends[number] : ends[number + 1]]

    @functools.cache
    def dictionary(kind: str) -> bytes:
        return zlib.decompress(block_bytes(index.dictionaries[kind]))

    @functools.cache
    def read(kind: str, number: int) -> list[dict[str, Any]]:
        try:
            decompressor = zlib.decompressobj(zdict=dictionary(kind))
            found: list[dict[str, Any]] = _decoder.decode(decompressor.decompress(block_bytes(number)))
        except (zlib.error, msgspec.DecodeError, KeyError) as error:
            raise PackError(str(error)) from None
        return found

    return Pack(index.meta, index.rows, read)


def memory(resources: Iterable[dict[str, Any]], meta: Mapping[str, Any]) -> Pack:
    """Resources that are in memory already, seen as a pack."""
    kept = list(resources)
    return Pack(meta, [_row(resource, 0, place) for place, resource in enumerate(kept)], lambda kind, block: kept)


def describe(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What an index row says about a resource besides its url, version and name."""
    keys = _DESCRIBED.get(resource["resourceType"], ())
    return {key: resource[key] for key in keys if key in resource}


_DESCRIBED = {
    "StructureDefinition": ("kind", "type", "derivation", "abstract", "baseDefinition"),
    "SearchParameter": ("base", "code"),
    "CodeSystem": ("content", "supplements", "valueSet"),
    "ConceptMap": ("sourceUri", "sourceCanonical", "targetUri", "targetCanonical"),
    "CompartmentDefinition": ("code",),
}


def _row(resource: dict[str, Any], block: int, place: int) -> Row:
    kind, url, version = _order(resource)[:3]
    return Row(kind, url, version, str(resource.get("name", "")), describe(resource), block, place)


def _order(resource: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return (
        resource["resourceType"],
        resource.get("url", ""),
        resource.get("version", ""),
        resource.get("id", ""),
    )


def _block_key(resource: Mapping[str, Any]) -> tuple[str, ...]:
    # The search parameters of one type are always asked for together, and are tiny one by one.
    if resource["resourceType"] == "SearchParameter":
        return ("SearchParameter", *resource.get("base", ())[:1])
    return _order(resource)
