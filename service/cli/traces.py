"""A trace as rows for people and programs: target pointer, rule, place in the map, source pointers."""

from typing import Any

from service.mapping import Trace


def rows(trace: Trace | None) -> list[dict[str, Any]]:
    """One row for each step, in the order of the rules; none without a trace."""
    if trace is None:
        return []
    return [
        {"target": one.target, "rule": one.rule, "group": one.group, "map": one.where, "sources": list(one.sources)}
        for one in trace.entries
    ]
