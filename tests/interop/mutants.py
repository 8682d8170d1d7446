"""Resources of ours with one thing changed, in groups: the same seed gives the same mutants."""

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from service.fhir import json
from service.fhir.definitions import Definitions
from service.fhir.terminology import Terminology
from tests.interop.edits import around, bundles, meaning, raw, structure
from tests.interop.nodes import Json
from tests.interop.tools import Tools

GROUPS: dict[str, tuple[int, Callable[[Tools], str | None]]] = {
    "missing": (620, structure.missing),
    "repeated": (250, structure.repeated),
    "added": (520, structure.added),
    "unknown": (280, structure.unknown),
    "lexical": (520, structure.lexical),
    "JSON type": (300, structure.form),
    "empty": (400, structure.empty),
    "binding": (430, meaning.binding),
    "display": (120, meaning.display),
    "invariant": (500, meaning.invariant),
    "target": (400, meaning.target),
    "choice": (250, meaning.choice),
    "pattern": (400, meaning.pattern),
    "extension": (600, around.extension),
    "meta": (220, around.meta),
    "narrative": (120, around.narrative),
}
RAW = 150
BUNDLES = 250
_TRIES = 60


@dataclass(frozen=True, slots=True)
class Mutant:
    """`text` is the JSON; `edit` says what was done to which resource."""

    id: str
    group: str
    edit: str
    text: str


def mutants(
    resources: Sequence[Json], bundle_list: Sequence[Json], definitions: Definitions, seed: int = 1, share: float = 1.0
) -> Iterator[Mutant]:
    """Every group in turn, `share` of its size, over the types of resources evenly; no two mutants are the same."""
    terms = Terminology(definitions)
    by_type: dict[str, list[Json]] = {}
    for one in resources:
        by_type.setdefault(one["resourceType"], []).append(one)
    for group, (size, edit) in GROUPS.items():

        def make(rng: random.Random, number: int, edit: Callable[[Tools], str | None] = edit) -> tuple[str, str] | None:
            names = sorted(by_type)
            given = copy.deepcopy(rng.choice(by_type[names[number % len(names)]]))
            told = edit(Tools(rng, definitions, terms, given))
            return (text_of(given), f"{names[number % len(names)]}: {told}") if told else None

        yield from _group(group, round(size * share), seed, make)
    yield from _group("raw", round(RAW * share), seed, lambda rng, number: raw.raw(rng, text_of(rng.choice(resources))))
    yield from _group("bundle", round(BUNDLES * share), seed, lambda rng, number: _bundle(rng, bundle_list))


def _group(
    group: str, size: int, seed: int, make: Callable[[random.Random, int], tuple[str, str] | None]
) -> Iterator[Mutant]:
    seen = set()
    for number in range(size):
        rng = random.Random(f"{seed}/{group}/{number}")
        for _ in range(_TRIES):
            made = make(rng, number)
            if made is not None and made[0] not in seen:
                seen.add(made[0])
                yield Mutant(f"{group}-{number}", group, made[1], made[0])
                break


def _bundle(rng: random.Random, bundle_list: Sequence[Json]) -> tuple[str, str] | None:
    made = copy.deepcopy(rng.choice(bundle_list))
    told = bundles.bundle(rng, made)
    return (text_of(made), told) if told else None


def text_of(resource: Json) -> str:
    """The JSON of a resource, as it is judged."""
    return json.encode(resource).decode()
