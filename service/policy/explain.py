"""A decision and a policy in words, for those who answer for them: lawyers, integrators, the family's worker."""

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from service.issues import LANGUAGES, issue, outcome
from service.policy.model import Permitted, Refused, Step
from service.policy.rules import Sector

_KEPT, _STAYS = "+", "-"
_URL = re.compile(r"\('[^']*/")


def lines(found: Permitted | Refused, language: str = "en") -> Iterator[str]:
    """A decision: what it relies on or why it is none, then what goes (`+`) and what stays (`-`), thing by thing."""
    if isinstance(found, Refused):
        yield found.issue.text(language)
    else:
        for basis in found.bases:
            said = ", ".join(filter(None, [basis.kind, basis.reference, basis.provision, basis.purpose]))
            yield f"{said}: {', '.join(basis.parts)}"
    for (_, resource), steps in groupby(sorted(found.explained, key=_place), key=_place):
        yield ""
        yield resource
        for step in steps:
            mark = _KEPT if step.kept else _STAYS
            # For people, an extension by its name.
            element = _URL.sub("('", step.element)
            yield f"  {mark} {element + ': ' if element else ''}{step.text(language)}"


def _place(step: Step) -> tuple[bool, str]:
    """The plan first, then what is beside it, by type."""
    return not step.resource.startswith("CarePlan/"), step.resource


def table(found: Permitted | Refused, language: str = "en") -> dict[str, Any]:
    """The same for programs."""
    steps = [
        {
            "resource": one.resource,
            "expression": one.expression,
            "kept": one.kept,
            "why": one.why,
            "text": one.text(language),
        }
        for one in found.explained
    ]
    if isinstance(found, Refused):
        return {"permitted": False, "outcome": outcome([found.issue], language), "steps": steps}
    bases = [
        {
            "kind": one.kind,
            "reference": one.reference,
            "provision": one.provision,
            "purpose": one.purpose,
            "parts": list(one.parts),
        }
        for one in found.bases
    ]
    return {"permitted": True, "bases": bases, "steps": steps}


def shown(sector: Sector, names: Mapping[str, Mapping[str, str]], language: str = "en") -> Iterator[str]:
    """A policy in words; `names` are those of the parts in each language."""
    limits = sector.limits
    yield f"{sector.title[language]} ({sector.name})"
    yield _said("law", language, value=sector.law)
    yield _said("bases", language, value=", ".join(sorted(sector.bases)))
    for key, parts in (("default", sector.default), ("when-named", sector.when_named)):
        yield _said(f"parts-{key}", language, value="; ".join(names[one][language] for one in names if one in parts))
    never = [names[one][language] for one in names if one not in sector.parts]
    if never:
        yield _said("parts-never", language, value="; ".join(never))
    if limits.needs == "served":
        yield _said("needs-served", language)
    if "notes" in sector.parts:
        yield _said("note-kinds", language, value=", ".join(sorted(limits.notes)) or "–")
    yield _said(f"relatives-{limits.relatives}", language)
    if not limits.others:
        yield _said("no-others", language)
    yield _said("non-disclosure", language)


def policy_table(sector: Sector) -> dict[str, Any]:
    """A policy for programs: all that the file says, with the elements by type."""
    limits = sector.limits
    elements: dict[str, set[str]] = {}
    for types in sector.paths.values():
        for kind, paths in types.items():
            wanted = (one for one in paths if f"{kind}.{one}" not in sector.never)
            elements.setdefault(kind, set()).update(wanted)
    return {
        "sector": sector.name,
        "title": {language: sector.title[language] for language in LANGUAGES},
        "law": sector.law,
        "bases": sorted(sector.bases),
        "parts": {"default": sorted(sector.default), "when-named": sorted(sector.when_named)},
        "limits": {
            "needs": limits.needs,
            "notes": sorted(limits.notes),
            "others": limits.others,
            "relatives": limits.relatives,
            "consents": limits.consents,
            "hetu-in-text": limits.hetu_in_text,
        },
        "elements": {kind: sorted(paths) for kind, paths in sorted(elements.items())},
    }


def _said(name: str, language: str, **params: str) -> str:
    return issue(f"policy.says-{name}", **dict[str, Any](params)).text(language)
