"""A temporary id of a person stands in the giver's own space: `urn:oid:1.2.246.10.<business id>.22.<year>`.

The business id stands there as digits, without hyphen and leading zeros.
"""

import re
from collections.abc import Iterator

from service.intake import business_id
from service.intake.facts import Facts
from service.issues import Issue, issue

_SYSTEM = re.compile(r"urn:oid:1\.2\.246\.10\.([1-9]\d{1,7})\.22\.((?:19|20)\d{2})\Z")


def check(facts: Facts) -> Iterator[Issue]:
    for found in facts.objects["child"]:
        if "temporaryId" not in found.value:
            continue
        pointer = found.at("temporaryId", "system")
        match = _SYSTEM.match(found.value["temporaryId"]["system"])
        if match is None:
            yield issue("intake.temporary-id-system", pointer=pointer)
        elif not business_id.right(match[1].zfill(8)):
            yield issue("intake.temporary-id-business", pointer=pointer)
        elif facts.recorded is not None and int(match[2]) > facts.recorded.year:
            yield issue("intake.temporary-id-year", pointer=pointer, value=match[2])
