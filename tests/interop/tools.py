"""What every edit is given: chance (seeded), the definitions, and the resource at hand."""

import functools
import random
from dataclasses import dataclass
from typing import Any, TypeVar

from service.fhir.definitions import Definitions
from service.fhir.terminology import Terminology
from tests.interop import nodes, samples
from tests.interop.nodes import Json, Node

T = TypeVar("T")


@dataclass
class Tools:
    """The resource is changed in place."""

    rng: random.Random
    definitions: Definitions
    terms: Terminology
    resource: Json

    @functools.cached_property
    def nodes(self) -> list[Node]:
        return nodes.nodes(self.definitions, self.resource)

    def one(self, choices: list[T]) -> T | None:
        return self.rng.choice(choices) if choices else None

    def node(self, *types: str) -> Node | None:
        """Any value, or any of these types."""
        return self.one([one for one in self.nodes if not types or one.type in types])

    def place(self) -> tuple[Json, str, str]:
        """Any object, with its type and the path of its children."""
        return self.rng.choice(list(nodes.places(self.definitions, self.resource)))

    def sample(self, element: Json, code: str, type_name: str) -> Any:
        return samples.sample(self.definitions, self.terms, element, code, type_name)
