"""Verdicts side by side: agreement, false alarm, miss, and differences that are listed with their argument."""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

LISTED = Path(__file__).parent / "differences.toml"


@dataclass(frozen=True, slots=True)
class Case:
    """One text and the errors that either side found in it, each as `place: words`."""

    id: str
    group: str
    edit: str
    java: tuple[str, ...]
    ours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule about errors of one side that do not count, and why."""

    name: str
    side: str
    message: re.Pattern[str]
    groups: tuple[str, ...]
    edit: re.Pattern[str] | None
    reason: str

    def covers(self, case: Case, error: str) -> bool:
        fits = not self.groups or case.group in self.groups
        return fits and (self.edit is None or bool(self.edit.search(case.edit))) and bool(self.message.search(error))


@dataclass
class Table:
    """What came out, by group."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    rules: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, Case]] = field(default_factory=list)

    def rows(self) -> list[tuple[str, Counter[str]]]:
        return [*self.counts.items(), ("all", sum(self.counts.values(), Counter()))]


KINDS = ("both valid", "both invalid", "listed", "false alarm", "miss")


def listed() -> list[Difference]:
    """The rules of `differences.toml`."""
    return [_rule(row) for row in tomllib.loads(LISTED.read_text("utf-8"))["difference"]]


def compared(cases: Sequence[Case], rules: Sequence[Difference]) -> Table:
    """Every case judged; a rule counts where without it the two would not agree."""
    table = Table()
    for case in cases:
        kind = _kind(case.java, case.ours)
        if kind in ("false alarm", "miss"):
            java, by_java = _left(case, case.java, "java", rules)
            ours, by_ours = _left(case, case.ours, "ours", rules)
            if _kind(java, ours) in ("both valid", "both invalid"):
                kind = "listed"
                table.rules.update(by_java | by_ours)
        if kind in ("false alarm", "miss"):
            table.wrong.append((kind, case))
        table.counts[case.group][kind] += 1
    return table


def _left(case: Case, errors: Sequence[str], side: str, rules: Sequence[Difference]) -> tuple[list[str], set[str]]:
    """The errors that no rule covers, and the names of the rules that covered others."""
    left, used = [], set()
    for error in errors:
        rule = next((one for one in rules if one.side == side and one.covers(case, error)), None)
        if rule is None:
            left.append(error)
        else:
            used.add(rule.name)
    return left, used


def _kind(java: Sequence[str], ours: Sequence[str]) -> str:
    if java:
        return "both invalid" if ours else "miss"
    return "false alarm" if ours else "both valid"


def _rule(row: dict[str, object]) -> Difference:
    groups = row.get("groups", [])
    edit = row.get("edit")
    return Difference(
        name=str(row["name"]),
        side=str(row["side"]),
        message=re.compile(str(row["message"])),
        groups=tuple(map(str, groups)) if isinstance(groups, list) else (),
        edit=re.compile(str(edit)) if edit else None,
        reason=str(row["reason"]),
    )
