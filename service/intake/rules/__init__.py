"""The rules that a schema cannot say: one rule, one file; its docstring is its documentation.

A rule gives issues of a document that satisfies its schema. It never fails on what another rule refuses.
"""

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType

from service.intake.facts import Facts
from service.intake.rules import (
    attendance,
    birth_date,
    business,
    child_age,
    client_relationship,
    hetu,
    hetu_in_text,
    invitation,
    legal_basis,
    local_time,
    moved_meeting,
    municipality,
    next_contact,
    non_disclosure,
    oid,
    periods,
    permission,
    printed_copy,
    references,
    responsible_worker,
    same_identity,
    temporary_id,
    unique_ids,
)
from service.issues import Issue

Rule = Callable[[Facts], Iterable[Issue]]

MODULES: tuple[ModuleType, ...] = (
    unique_ids,
    references,
    same_identity,
    hetu,
    birth_date,
    temporary_id,
    oid,
    business,
    municipality,
    client_relationship,
    non_disclosure,
    local_time,
    periods,
    attendance,
    child_age,
    invitation,
    moved_meeting,
    responsible_worker,
    next_contact,
    legal_basis,
    permission,
    printed_copy,
    hetu_in_text,
)
RULES: Mapping[str, Rule] = {module.__name__.rpartition(".")[2]: module.check for module in MODULES}
