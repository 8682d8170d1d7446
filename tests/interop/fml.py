"""Our maps on HL7's reference engine: every example there and back, and the cases of the mapping language.

Run by `make interop`; 1 where the two engines differ and `fml.toml` does not say why.
"""

import argparse
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.mapping.bundle import assembled
from tests.interop import reference, transforms
from tests.interop.reference import Answer, Case
from tests.shared import ROOT

LISTED = Path(__file__).with_suffix(".toml")
REPORT = reference.TARGET / "report.json"


@dataclass(frozen=True, slots=True)
class Rule:
    """Differences of these cases that are explained; `message` matches what `_differences` says."""

    name: str
    cases: re.Pattern[str]
    message: re.Pattern[str]
    reason: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Transform, compare, print the table, write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--suites", type=Path, default=ROOT.parent / "shared" / "suites" / "fml")
    given = parser.parse_args(arguments)
    if program := reference.missing():
        print(f"interop: {program} is not installed here; the comparison with the reference engine is left out")
        return 0
    sets = {"base": transforms.base()}
    cases = list(transforms.examples())
    others = list(transforms.own_cases())
    if (given.suites / "manifest.xml").exists():
        others += transforms.official_cases(given.suites)
    else:
        print(f"interop: the official cases are not found in {given.suites} (--suites says where they are)")
    sets |= {name: loaded for name, loaded, _ in others}
    cases += [case for _, _, case in others]
    found = reference.answers(sets, cases)
    return _report(cases, found)


def _report(cases: Sequence[Case], found: dict[str, Answer]) -> int:
    rules = _rules()
    used: Counter[str] = Counter()
    rows = []
    for case in cases:
        messages = list(_differences(case, found[case.id]))
        covers = [next((one.name for one in rules if _covers(one, case, text)), None) for text in messages]
        used.update(name for name in set(covers) if name)
        left = [text for text, name in zip(messages, covers, strict=True) if name is None]
        verdict = "differs" if left else "listed" if messages else "same"
        rows.append(
            {"case": case.id, "verdict": verdict, "rules": sorted({one for one in covers if one}), "left": left}
        )
        shown = ", ".join(sorted({one for one in covers if one}))
        print(f"{verdict:8}{case.id}{f'  ({shown})' if shown else ''}")
        for text in left[:8]:
            print(f"          {text}")
    for rule in rules:
        print(f"{used[rule.name]:4} × {rule.name}: {rule.reason}")
    count = Counter(row["verdict"] for row in rows)
    print(f"{len(rows)} cases: {count['same']} the same, {count['listed']} listed, {count['differs']} different")
    REPORT.write_text(json.dumps(rows, indent=1, ensure_ascii=False), "utf-8")
    return 1 if count["differs"] else 0


def _differences(case: Case, answer: Answer) -> Iterator[str]:
    """What is not the same, each as `place: words`."""
    if answer.error or case.refused:
        if not answer.error:
            yield f"refused here: {case.refused}"
        elif not case.refused:
            yield f"refused there: {answer.error}"
        return
    theirs = answer.target
    if case.loaded == "base" and theirs.get("resourceType") == "Bundle":
        theirs, issues, _ = assembled(theirs)
        yield from (f"{one.expression}: {one.text()}" for one in issues)
    if "resourceType" not in case.ours:
        # HL7's writer gives every object at the top a resourceType, also one of a logical model.
        theirs = {key: value for key, value in theirs.items() if key != "resourceType"}
    yield from _walk(case.ours, theirs, str(case.ours.get("resourceType", "document")))


def _walk(ours: Any, theirs: Any, at: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            if key not in theirs:
                yield f"{at}.{key}: {_shown(ours[key])} here, nothing there"
            elif key not in ours:
                yield f"{at}.{key}: nothing here, {_shown(theirs[key])} there"
            else:
                yield from _walk(ours[key], theirs[key], f"{at}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _walk(one, other, f"{at}[{number}]")
    elif isinstance(ours, bool) is not isinstance(theirs, bool) or ours != theirs:
        yield f"{at}: {_shown(ours)} here, {_shown(theirs)} there"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 300 else text[:299] + "…"


def _rules() -> list[Rule]:
    rows = tomllib.loads(LISTED.read_text("utf-8"))["difference"]
    return [Rule(one["name"], re.compile(one["cases"]), re.compile(one["message"]), one["reason"]) for one in rows]


def _covers(rule: Rule, case: Case, message: str) -> bool:
    return bool(rule.cases.search(case.id) and rule.message.search(message))


if __name__ == "__main__":
    sys.exit(main())
