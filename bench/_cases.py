"""Documents for benchmarks: the example documents as those of as many families as are wanted."""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

from service.fhir.json import encode, parse

EXAMPLES = Path(__file__).resolve().parent.parent / "schemas" / "source" / "examples"
LARGE = "tiimi-case-twins-services-and-responsible-pair.json"


class Cases:
    """An example document as that of ever new families; organisations and professionals stay the same."""

    def __init__(self, name: str) -> None:
        document = parse((EXAMPLES / name).read_bytes())
        family = document["family"]
        for person in (*family["children"], *family["guardians"]):
            person.pop("hetu", None)
        parts = [one for kind in ("meetings", "careTeams", "plans") for one in document.get(kind, ())]
        parts += [document[kind] for kind in ("meeting", "careTeam", "plan") if kind in document]
        own = {document["id"], family["id"], *(one["id"] for one in parts)}
        own |= {child["temporaryId"]["value"] for child in family["children"] if "temporaryId" in child}
        text = encode(document)
        for id_ in own:
            text = text.replace(encode(id_), encode(f"{id_}-@@"))
        self._between = text.split(b"@@")
        self._numbers = itertools.count()

    def of(self, number: int) -> bytes:
        """The document of one family."""
        return str(number).encode().join(self._between)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self.of(next(self._numbers))


@functools.cache
def _every() -> tuple[Cases, ...]:
    return tuple(Cases(file.name) for file in sorted(EXAMPLES.glob("*.json")))


def case(number: int) -> bytes:
    """A large case (35 resources) of one family."""
    return _large().of(number)


@functools.cache
def _large() -> Cases:
    return Cases(LARGE)


def document(number: int) -> bytes:
    """One document of a backlog: every example in turn, so all kinds and sizes alike, each of a family of its own."""
    every = _every()
    return every[number % len(every)].of(number)
