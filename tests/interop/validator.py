"""Our verdicts beside those of the official Java validator, on all our outputs and on thousands of mutants of them.

Run by `make interop`; 1 where the two disagree and `differences.toml` does not say why. The report, with every
disagreement, is `tests/interop/java/target/report.json`.
"""

import argparse
import datetime
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from service.fhir.json import encode
from service.validation import Options, Validator
from tests.interop import compare, material, mutants, official
from tests.interop.nodes import Json
from tests.shared import ROOT

REPORT = official.TARGET / "report.json"
# dom-6 (a resource should have a narrative) is advice, no error, on either side.
OPTIONS = Options(best_practice="ignore")
PROFILED = "fi.base 2.0.0-rc2"  # what mutants are judged by


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the tables, write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--packages", type=Path, default=ROOT.parent / "shared" / "fhir-packages")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants (default 1.0: more than 5,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    if program := official.missing():
        print(f"interop: {program} is not installed here; the comparison with the Java validator is left out")
        return 0
    outputs = material.outputs()
    rules = compare.listed()
    report: Json = {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "seed": given.seed, "sets": {}}
    wrong = 0
    for name, files in material.SETS.items():
        packages = tuple(given.packages / file for file in files)
        if lacking := [one.name for one in packages if not one.exists()]:
            print(f"interop: {', '.join(lacking)} not found in {given.packages} (--packages says where they are)")
            return 2
        folders = material.lay_out(official.TARGET / "definitions" / name.replace(" ", "-"), packages)
        ours = material.validator(packages)
        texts = _texts(outputs, ours, given.seed, given.share if name == PROFILED else 0)
        verdicts = official.judged([one.text for one in texts], folders, name, given.threads)
        cases = [_case(one, verdict, ours) for one, verdict in zip(texts, verdicts, strict=True)]
        table = compare.compared(cases, rules)
        wrong += len(table.wrong) + _refused(cases, rules)
        _print(name, table)
        report["sets"][name] = _told(table, rules)
    REPORT.write_text(json.dumps(report, indent=1, ensure_ascii=False), "utf-8")
    print(f"report: {REPORT.relative_to(ROOT)}")
    return 1 if wrong else 0


def hapi_timings(cases: dict[str, Json]) -> dict[str, float] | None:
    """Milliseconds that the warm Java validator needs for each resource, with R4 and our definitions; None without it.

    `cases` are resources by any name.
    """
    if official.missing():
        return None
    folders = material.lay_out(official.TARGET / "definitions" / "timings", ())
    return {name: official.fastest(encode(one).decode(), folders) for name, one in cases.items()}


def _texts(outputs: material.Outputs, ours: Validator, seed: int, share: float) -> list[mutants.Mutant]:
    """The outputs as they are, single and in Bundles, and mutants of them."""
    found = [
        mutants.Mutant(name, group, name, encode(one).decode())
        for group, them in (("outputs", outputs.resources), ("output Bundles", outputs.bundles))
        for name, one in them.items()
    ]
    small = material.small(outputs.bundles)
    made = mutants.mutants(list(outputs.resources.values()), small, ours.definitions, seed, share) if share else ()
    return [*found, *made]


def _case(mutant: mutants.Mutant, verdict: official.Verdict, ours: Validator) -> compare.Case:
    found = ours.validate_text(mutant.text, options=OPTIONS)
    errors = tuple(f"{one.pointer or ''}: {one.key}: {one.text()}" for one in found if one.is_error)
    return compare.Case(mutant.id, mutant.group, mutant.edit, verdict.errors, errors)


def _refused(cases: Sequence[compare.Case], rules: Sequence[compare.Difference]) -> int:
    """How many of our outputs both refuse: agreement alone is not enough there."""
    own = [one for one in cases if one.group.startswith("output") and one.ours]
    for case in own:
        print(f"our own output is refused: {case.id}: {case.ours[0]}")
    return len(own)


def _print(name: str, table: compare.Table) -> None:
    print(f"\n{name:16}" + "".join(f"{kind:>14}" for kind in compare.KINDS))
    for group, counts in table.rows():
        print(f"{group:16}" + "".join(f"{counts[kind]:14}" for kind in compare.KINDS))
    for rule, count in table.rules.most_common():
        print(f"  listed: {rule}: {count}")
    for kind, case in table.wrong[:40]:
        errors = case.java if kind == "miss" else case.ours
        print(f"  {kind}: {case.id} ({case.edit[:100]}): {_short(errors[0])}")


def _told(table: compare.Table, rules: Sequence[compare.Difference]) -> Json:
    reasons = {one.name: one.reason for one in rules}
    return {
        "groups": {group: dict(counts) for group, counts in table.rows()},
        "listed": [
            {"name": name, "count": count, "reason": reasons[name]} for name, count in table.rules.most_common()
        ],
        "wrong": [
            {"kind": kind, "id": case.id, "edit": case.edit, "java": case.java, "ours": case.ours}
            for kind, case in table.wrong
        ],
    }


def _short(error: str) -> str:
    return re.sub(r"\s+", " ", error)[:220]


if __name__ == "__main__":
    sys.exit(main())
