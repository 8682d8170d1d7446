"""Makes the snapshot of a profile from its differential.

https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from collections.abc import Callable, Mapping
from typing import Any

from service.issues import Issue


def generate(
    structure: Mapping[str, Any], resolve: Callable[[str], dict[str, Any] | None]
) -> tuple[dict[str, Any] | None, list[Issue]]:
    return None, []
