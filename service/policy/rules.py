"""The policies as data: one TOML file for each sector of recipients, over one that says what a plan consists of.

The files are for lawyers as much as for this program, see `schemas/policy/`; a region may put its own folder in place.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service import assets
from service.fhir.definitions import ours
from service.issues import Issue, issue
from service.policy.elements import ElementError, Names, Rule

COMMON = "parts.toml"
PARTS = (
    "situation", "child-view", "strengths", "assessment", "needs", "measures-home", "measures-everyday-environment",
    "measures-elsewhere", "services", "follow-up", "team", "responsible-workers", "meeting", "feedback", "notes",
)  # fmt: skip
LANGUAGES = ("fi", "sv", "en")
RELATIVES = ("none", "guardians", "all")


class PolicyError(ValueError):
    """A policy that cannot be used; `issue` says which file and why."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.text())
        self.issue = found


@dataclass(frozen=True, slots=True)
class Limits:
    """What narrows the parts further; the words are explained in `schemas/policy/health.toml`."""

    needs: str
    notes: frozenset[str]
    others: bool
    relatives: str
    consents: str
    hetu_in_text: bool


@dataclass(frozen=True, slots=True)
class Sector:
    """What one sector may get at most. `paths` are the elements by part (or `always`, `people`, `also`) and type."""

    name: str
    title: Mapping[str, str]
    law: str
    bases: frozenset[str]
    own_register: Mapping[str, str] | None
    default: frozenset[str]
    when_named: frozenset[str]
    limits: Limits
    paths: Mapping[str, Mapping[str, tuple[str, ...]]]
    never: frozenset[str]

    @property
    def parts(self) -> frozenset[str]:
        """Every part that the sector can get."""
        return self.default | self.when_named


class Policy:
    """All policies of an installation, compiled; safe to share between threads."""

    def __init__(self, common: Mapping[str, Any], sectors: Mapping[str, Sector], names: Names) -> None:
        self.sectors = sectors
        self.workers_parts = frozenset(name for name, one in common["part"].items() if one.get("concerns") == "workers")
        self.required: Mapping[str, Mapping[str, str]] = common["required"]
        self.unclaimed: Mapping[str, list[str]] = common["unclaimed"]
        self.register_sector: str = common["register"]["sector"]
        self.non_disclosure: Mapping[str, list[str]] = common["non-disclosure"]
        self.part_of = _part_of(common)
        """The part that each element of a CarePlan belongs to (`extension:name` for extensions); "" for all parts."""
        self.names = names
        self._rules: dict[tuple[str, str, frozenset[str], bool], Rule] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> "Policy":
        """The policies in the folder `path`, or those that travel with the program; `PolicyError`."""
        folder = path or assets.schemas() / "policy"
        common = _read(folder / COMMON)
        names = Names(ours(), common["types"], common["extensions"], common["identifiers"])
        sectors: dict[str, Sector] = {}
        for file in sorted(folder.glob("*.toml")):
            if file.name != COMMON:
                sector = _sector(_read(file), common, file)
                sectors[sector.name] = sector
        made = cls(common, sectors, names)
        made._compile(folder)
        return made

    def rule(self, sector: Sector, type_name: str, parts: Iterable[str], *, protected: bool = False) -> Rule:
        """What of a resource of that type goes to the sector for the sake of these parts.

        `protected`: somebody of the family has the label of non-disclosure.
        """
        key = (sector.name, type_name, frozenset(parts), protected)
        if key not in self._rules:
            sources = ["always", "origin", "people", "also", *sorted({group(one) for one in key[2]})]
            paths = dict.fromkeys(path for one in sources for path in sector.paths.get(one, {}).get(type_name, ()))
            secret = self.non_disclosure.get(type_name, ()) if protected else ()
            kept = [one for one in paths if f"{type_name}.{one}" not in sector.never and one not in secret]
            self._rules[key] = self.names.rule(type_name, kept)
        return self._rules[key]

    def goes(self, sector: Sector, type_name: str, *, protected: bool = False) -> bool:
        """Whether anything of that type may go to the sector at all."""
        if protected and "*" in self.non_disclosure.get(type_name, ()):
            return False
        return any(type_name in types for types in sector.paths.values())

    def _compile(self, folder: Path) -> None:
        """Every rule once, so that a wrong name is found when the policy is loaded and not when somebody needs it."""
        for sector in self.sectors.values():
            for type_name in sorted({name for types in sector.paths.values() for name in types}):
                try:
                    self.rule(sector, type_name, sector.parts)
                except ElementError as error:
                    file = str(folder / f"{sector.name}.toml")
                    raise PolicyError(issue(error.problem, name=error.name, file=file)) from None


def group(part: str) -> str:
    """Under which name `parts.toml` has the elements of a part: measures A, B and C are alike."""
    return "measures" if part.startswith("measures-") else part


def _part_of(common: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, types in [("", common["always"]), *common["part"].items()]:
        for path in types.get("CarePlan", ()):
            step = path.partition(".")[0]
            found.setdefault("identifier" if step.startswith("identifier:") else step, name)
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PolicyError(issue("policy.unreadable", file=str(file), reason=reason)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(issue("policy.unreadable", file=str(file), reason=str(error))) from None


def _sector(said: Mapping[str, Any], common: Mapping[str, Any], file: Path) -> Sector:
    try:
        limits = said["limits"]
        sector = Sector(
            name=said["sector"],
            title={language: said["title"][language] for language in LANGUAGES},
            law=said["law"],
            bases=frozenset(said["bases"]),
            own_register=said.get("own-register"),
            default=frozenset(said["parts"]["default"]),
            when_named=frozenset(said["parts"]["when-named"]),
            limits=Limits(
                limits["needs"], frozenset(limits["notes"]), limits["others"], limits["relatives"],
                limits["consents"], limits["hetu-in-text"],
            ),
            paths=_paths(said, common),
            never=frozenset(said["elements"]["never"]),
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise PolicyError(issue("policy.incomplete", file=str(file), name=str(error).strip("'"))) from None
    _judge(sector, common, file)
    return sector


def _judge(sector: Sector, common: Mapping[str, Any], file: Path) -> None:
    """A word that nothing knows would silently open or close something."""
    wrong = sorted(sector.parts - set(PARTS))
    wrong += [sector.limits.needs] if sector.limits.needs not in ("all", "served") else []
    wrong += [sector.limits.relatives] if sector.limits.relatives not in RELATIVES else []
    wrong += [sector.limits.consents] if sector.limits.consents not in ("none", "all") else []
    wrong += sorted(sector.bases - {"luovutuslupa", "suostumus", "statutory"})
    wrong += sorted(sector.default & sector.when_named)
    sources = [*sector.paths.values(), *common["part"].values()]
    known = {f"{name}.{path}" for types in sources for name, paths in types.items() for path in paths}
    wrong += sorted(sector.never - known)
    if wrong or file.stem != sector.name:
        raise PolicyError(issue("policy.unknown-word", file=str(file), value=wrong[0] if wrong else sector.name))


def _paths(said: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Where the element lists come from: the parts of the plan, the people of the sector, its exceptions."""
    found = {"always": common["always"], "origin": common["origin"], "people": said["people"]}
    wanted = {group(one) for key in ("default", "when-named") for one in said["parts"][key]}
    for name in wanted & common["part"].keys():
        found[name] = {key: value for key, value in common["part"][name].items() if key != "concerns"}
    also: dict[str, list[str]] = {}
    for path in said["elements"]["also"]:
        type_name, _, rest = path.partition(".")
        also.setdefault(type_name, []).append(rest)
    found["also"] = also
    return {name: {kind: tuple(paths) for kind, paths in types.items()} for name, types in found.items()}
