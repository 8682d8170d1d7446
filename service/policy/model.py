"""What is asked and answered when something is to be given out: who gets it, on what basis, what goes and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from service.issues import Issue, issue
from service.policy.guard import Guard

Resource = Mapping[str, Any]
SECTORS = ("health", "social", "early-education", "school", "archive", "other")
KINDS = ("luovutuslupa", "suostumus", "statutory")
Kind = Literal["luovutuslupa", "suostumus", "statutory"]
NONE: Mapping[str, str] = MappingProxyType({})
LOOK = frozenset({
    "policy.no-sector", "policy.no-plan", "policy.sector-differs", "policy.invalid", "policy.place-leaves",
    "policy.hetu-leaves", "policy.text-leaves", "policy.misshapen", "policy.period-unclear", "policy.no-provision",
})  # fmt: skip
"""Refusals that somebody must look at."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is to get something: the bare OID of the organisation, its sector (one of `SECTORS`), and its name."""

    organisation: str
    sector: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a disclosure relies on. `reference` is the Consent (`Consent/…`), or the CarePlan for a statutory right.

    `provision` and `purpose` are in words; `parts` are what of the plan it lets through, after the policy.
    """

    kind: Kind
    reference: str
    provision: str
    purpose: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Why one thing goes or stays: a resource (`Goal/…`), or an element of one (`element`, a FHIRPath below it).

    `why` is a key of `texts/policy.toml`, whose sentence `text` gives.
    """

    resource: str
    element: str
    kept: bool
    why: str
    params: Mapping[str, str] = field(default_factory=lambda: NONE)

    @property
    def expression(self) -> str:
        """The FHIRPath to it, from the resource's type."""
        kind = self.resource.partition("/")[0]
        return f"{kind}.{self.element}" if self.element else kind

    def text(self, language: str = "en") -> str:
        """The reason in fi, sv or en."""
        return issue(self.why, **dict[str, Any](self.params)).text(language)


@dataclass(frozen=True, slots=True)
class Permitted:
    """What may go: a collection Bundle, the plan first, that resolves inside itself and says that it is a copy.

    `guard` checks the bytes that are made of it, see `Guard.check`.
    """

    bundle: dict[str, Any]
    bases: tuple[Basis, ...]
    explained: Sequence[Step]
    guard: Guard


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing may go; `issue` says why, `explained` what was looked at."""

    issue: Issue
    explained: Sequence[Step] = ()

    @property
    def must_be_looked_at(self) -> bool:
        """Whether this is no decision of the family or the law: the case or the settings must be put right first."""
        return self.issue.key in LOOK
