"""An OID lies in an arc that exists (ITU-T X.660), and a learner number in the space of learner numbers."""

import re
from collections.abc import Iterator

from service.intake.facts import Facts, pointer
from service.issues import Issue, issue

LEARNERS = "1.2.246.562.24."
_NO_ARC = re.compile(r"[01]\.(?:[4-9]\d|\d{3,})(?:\.|\Z)")


def check(facts: Facts) -> Iterator[Issue]:
    for value, path, _, _ in facts.oids:
        if _NO_ARC.match(value):
            yield issue("intake.oid-arc", pointer=pointer(path), value=value)
    for child in facts.objects["child"]:
        oid = child.value.get("learnerOid", LEARNERS)
        if not oid.startswith(LEARNERS):
            yield issue("intake.learner-oid", pointer=child.at("learnerOid"), start=LEARNERS)
