"""Names of the files that are left for a receiver: of the plan, its version and the receiver, and of nobody's home."""

import string
from collections.abc import Mapping
from typing import Any

from service.clock import HELSINKI
from service.deliver.receivers import minimised
from service.deliver.receivers.base import Shipment
from service.drops import DropError
from service.drops.base import checked

PATTERN = "{prefix}{municipality}_{template}-{plan}-{version}_{date}"
TEMPLATE = "yhteinen-suunnitelma"
_PLACES = ("prefix", "municipality", "template", "plan", "version", "date")


def file_stem(shipment: Shipment, options: Mapping[str, Any]) -> str:
    """The name without its ending: the same for the same shipment. Raises `DropError` for one that is no file name."""
    # Where a family lives must not be told by the receiver's own municipality either; what is taken back does not say
    # whose it was, so there it is never told.
    hidden = shipment.payload == minimised.WITHDRAWAL or minimised.protected(shipment)
    filled = options.get("file_name", PATTERN).format_map(
        {
            "prefix": options.get("prefix", ""),
            "municipality": "" if hidden else options.get("municipality", ""),
            "template": options.get("template", TEMPLATE),
            "plan": minimised.short(shipment),
            "version": str(shipment.version),
            "date": shipment.created.astimezone(HELSINKI).date().isoformat(),
        }
    )
    while "__" in filled:
        filled = filled.replace("__", "_")
    return checked(filled.lstrip("_"))


def pattern_problem(options: Mapping[str, Any]) -> dict[str, str] | None:
    """Why names cannot be made as the options say; None where they can."""
    pattern = options.get("file_name", PATTERN)
    known = ", ".join(f"`{{{one}}}`" for one in _PLACES)
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(pattern) if name]
    except ValueError as error:
        return {"reason": str(error), "known": known}
    if any(name not in _PLACES or spec or conversion for name, spec, conversion in fields):
        return {"reason": "it has a place that is not known", "known": known}
    if not {"plan", "version"} <= {name for name, _, _ in fields}:
        return {"reason": "`{plan}` and `{version}` must be in it, else files overwrite each other", "known": known}
    words = {name: options.get(name, "") for name in ("prefix", "municipality")}
    words |= {"template": options.get("template", TEMPLATE), "plan": "0" * 12, "version": "1", "date": "2026-11-22"}
    try:
        checked(pattern.format_map(words).lstrip("_") + ".json")
    except DropError as error:
        return {"reason": error.issue.params["reason"], "known": known}
    return None
