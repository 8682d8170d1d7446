"""What is sent to take back what was given."""

from collections.abc import Collection, Mapping
from typing import Any


def withdrawal(bundle: Mapping[str, Any], sent: Collection[str]) -> dict[str, Any]:
    """A collection Bundle that takes back the resources `sent` (`Goal/…`) of a case: who they are, no content.

    `bundle` is the case, or what was sent. What no recipient keeps for the plan's sake (people, organisations) is not
    taken back.
    """
    return {"resourceType": "Bundle", "type": "collection", "entry": []}
