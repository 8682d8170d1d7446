"""The plan of a batch: which documents make up which part. Made once and kept, so that a restart has the same parts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from service.export.sources import Piece, Source, pieces

SIZE = 4_000_000
"""Bytes of input in a part, about."""


class Header(msgspec.Struct, frozen=True):
    """What makes a run the same run: where it reads, what it makes of it, and how large its parts are."""

    sources: list[str]
    setup: str
    kind: str
    lines: int
    size: int


class Partition(msgspec.Struct, frozen=True):
    """One part: its number from 0, and the pieces of files that it is made of."""

    number: int
    pieces: list[Piece]

    @property
    def name(self) -> str:
        return f"part-{self.number:06d}"

    @property
    def documents(self) -> int:
        """How many there are, about: empty lines count as well."""
        return sum(1 if one.whole else one.lines for one in self.pieces)


@dataclass(frozen=True, slots=True)
class Totals:
    """The last line of a plan: how much there is in all."""

    parts: int
    documents: int


def partitions(sources: Iterable[Source], lines: int, size: int) -> Iterator[Partition]:
    """The documents of the files in order, in parts of at most `lines` lines or about `size` bytes."""
    number, held, count, length = 0, list[Piece](), 0, 0
    for source in sources:
        for piece in pieces(source, lines, size):
            many = 1 if piece.whole else piece.lines
            if held and (count + many > lines or length >= size):
                yield Partition(number, held)
                number, held, count, length = number + 1, [], 0, 0
            held.append(piece)
            count, length = count + many, length + piece.length
    if held:
        yield Partition(number, held)


def write(stream: BinaryIO, header: Header, parts: Iterable[Partition]) -> Totals:
    """Write a plan, one part a line."""
    stream.write(msgspec.json.encode(header) + b"\n")
    count = documents = 0
    for one in parts:
        stream.write(msgspec.json.encode(one) + b"\n")
        count, documents = count + 1, documents + one.documents
    totals = Totals(count, documents)
    stream.write(msgspec.json.encode(totals) + b"\n")
    return totals


def header(stream: BinaryIO) -> Header:
    """The first line of a plan."""
    return msgspec.json.decode(stream.readline(), type=Header)


def read(stream: BinaryIO) -> Iterator[Partition | Totals]:
    """The parts of a plan whose header has been read, and in the end how many they are."""
    last = b""
    for line in stream:
        if last:
            yield msgspec.json.decode(last, type=Partition)
        last = line
    yield msgspec.json.decode(last, type=Totals)
