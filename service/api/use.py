"""What one call does with the record, as far as it is known."""

import re
from dataclasses import dataclass, field

from service.store import Stored

_ABOUT = re.compile(
    rb'"(?:subject|patient|for|individual|beneficiary|reference|actor)":\{?"?(?:reference":")?(Patient/[A-Za-z0-9\-.]{1,64})"'
)
_MOST = 1000


@dataclass(slots=True)
class Use:
    """What the call in hand does, as far as it is known; what it is about stands in its order, each once."""

    interaction: str = "operation"
    action: str = "E"
    description: str = ""
    entities: dict[str, None] = field(default_factory=dict)
    patients: dict[str, None] = field(default_factory=dict)
    providers: list[str] = field(default_factory=list)
    keys: tuple[str, ...] = ()
    is_recorded: bool = False

    def touch(self, *found: Stored) -> None:
        """Note resources that are shown or written, the patients they are about, and whose registers they are in."""
        for one in found:
            self.mention(one.reference, one.body)
            self.of(one.organisation)

    def of(self, *organisations: str) -> None:
        """Note whose registers are used."""
        self.providers += [one for one in organisations if one and one not in self.providers]

    def mention(self, reference: str, body: bytes | None) -> None:
        if len(self.entities) < _MOST:
            self.entities[reference] = None
        about = {match[1].decode() for match in _ABOUT.finditer(body)} if body else set()
        if reference.startswith("Patient/"):
            about.add(reference)
        if about:
            more = sorted(about.difference(self.patients))[: _MOST - len(self.patients)]
            self.patients.update(dict.fromkeys(more))
