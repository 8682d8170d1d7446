"""The decision: may this recipient get this plan, which parts of it, and on what basis."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from service.issues import issue
from service.pipeline import Narrator
from service.policy.model import Permitted, Recipient, Refused
from service.policy.rules import Policy
from service.validation import Validator


def may(
    recipient: Recipient,
    bundle: Mapping[str, Any],
    permissions: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    policy: Policy,
    narrator: Narrator | None = None,
    validator: Validator | None = None,
) -> Permitted | Refused:
    """What of the plan `recipient` may get now, or why nothing.

    `bundle` is a collection Bundle with the CarePlan first and all that belongs to it, `permissions` are the Consents
    in force or not, `now` has an offset. `narrator` writes the narrative of what is left; with a `validator` the result
    is checked once more, and an error in it is a refusal.
    """
    return Refused(issue("policy.no-permission"))
