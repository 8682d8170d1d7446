"""The tables of `docs/policy.md`: what each sector gets, from the policies themselves (`make docs`)."""

from service.fhir.definitions import ours
from service.policy import Policy
from service.policy.bases import CARE, fits
from service.policy.rules import PARTS

SECTORS = ("health", "social", "early-education", "school", "other", "archive")
YES, NAMED, NO = "yes", "when named", "–"


def parts() -> str:
    """Which part goes to whom."""
    policy = Policy.load()
    found = ours().code_system("https://yhdessa.example/fhir/CodeSystem/plan-part") or {}
    names = {one["code"]: one["display"] for one in found["concept"]}
    rows = [f"| part | code | {' | '.join(SECTORS)} |", f"|---|---|{'---|' * len(SECTORS)}"]
    for part in PARTS:
        cells = [_cell(policy, sector, part) for sector in SECTORS]
        rows.append(f"| {names[part]} | `{part}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(policy: Policy, sector: str, part: str) -> str:
    said = policy.sectors[sector]
    return YES if part in said.default else NAMED if part in said.when_named else NO


def kinds() -> str:
    """Which kind of permission counts from which register to which sector."""
    policy = Policy.load()
    registers = (*sorted(CARE), "early-education", "school", "other")
    wanted = [sector for sector in SECTORS if sector != "archive"]
    rows = [f"| from a register of | {' | '.join(wanted)} |", f"|---|{'---|' * len(wanted)}"]
    for register in registers:
        cells = []
        for sector in wanted:
            counts = [
                kind
                for kind in ("luovutuslupa", "suostumus")
                if not fits(kind, register, sector, policy.sectors[sector], client=True)
            ]
            cells.append(", ".join(counts) or NO)
        rows.append(f"| {register} | {' | '.join(cells)} |")
    return "\n".join(rows)


def limits() -> str:
    """What narrows the parts further."""
    policy = Policy.load()
    rows = ["| sector | needs | notes | relatives | personal identity code | law |", "|---|---|---|---|---|---|"]
    for name in SECTORS:
        said = policy.sectors[name]
        hetu = "the child's" if "identifier:hetu" in said.paths["people"]["Patient"] else NO
        notes = ", ".join(sorted(said.limits.notes)) if "notes" in said.parts else NO
        rows.append(f"| {name} | {said.limits.needs} | {notes} | {said.limits.relatives} | {hetu} | {said.law} |")
    return "\n".join(rows)
