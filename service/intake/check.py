"""Intake's answer to "is this a source document, and does it make sense?": the schema first, then the rules."""

from typing import Any

from service.intake.explain import explain
from service.intake.facts import gather
from service.intake.rules import RULES
from service.intake.schema import KINDS, Schema, base
from service.issues import Issue, issue


def recognise(document: Any) -> str | None:
    """The kind of `document` (`meeting`, `care-team`, `shared-plan`, `case`), or nothing where it says none of them."""
    kind = document.get("kind") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) and kind in KINDS else None


def check(document: Any, *, test_mode: bool = True, schema: Schema | None = None) -> list[Issue]:
    """Everything that is wrong with `document`, as issues with JSON Pointers; nothing where all is well.

    `test_mode` accepts the personal identity codes that are set aside for tests (individual number 900–999). The rules
    are asked only when the schema is satisfied. Documents without an error may be keyed and mapped.
    """
    schema = schema or base()
    kind = recognise(document)
    if kind is None:
        return [_unrecognised(document)]
    if not schema.gates[kind].is_valid(document):
        return explain(document, kind, schema)
    try:
        facts = gather(document, schema.shapes[kind], test_mode=test_mode)
    except RecursionError:
        return [issue("intake.too-deep", pointer="")]
    return [found for rule in RULES.values() for found in rule(facts)]


def _unrecognised(document: Any) -> Issue:
    allowed = ", ".join(KINDS)
    if not isinstance(document, dict):
        return issue("intake.not-an-object", pointer="")
    if "kind" not in document:
        return issue("intake.kind-missing", pointer="/kind", allowed=allowed)
    return issue("intake.kind-unknown", pointer="/kind", allowed=allowed)
