"""The municipality belongs to the county that the document names.

Known are the municipalities of Pohjois-Savo (13) and Kymenlaakso (10); a document of another county is not judged.
"""

from collections.abc import Iterator

from service.intake.facts import Facts
from service.issues import Issue, issue

MUNICIPALITIES = {
    "10": frozenset("075 285 286 489 624 935".split()),  # noqa: SIM905 (a table of codes reads best as one)
    "13": frozenset(
        "140 171 204 239 263 297 402 420 595 686 687 749 762 778 844 857 915 921 925".split()  # noqa: SIM905
    ),
}


def check(facts: Facts) -> Iterator[Issue]:
    county, code = facts.document.get("county"), facts.document["municipality"]
    home = next((one for one, codes in MUNICIPALITIES.items() if code in codes), None)
    if home is None and (county is None or county in MUNICIPALITIES):
        yield issue("intake.municipality-unknown", pointer="/municipality", value=code)
    elif home is not None and county is not None and county != home:
        yield issue("intake.municipality-county", pointer="/county", value=code, county=county, home=home)
