"""The FHIRPath of search parameters as steps: the few forms that R4's SearchParameters use.

https://hl7.org/fhir/R4/searchparameter-definitions.html#SearchParameter.expression
"""

import re

Step = tuple[str, ...]
"""`("child", name)`, `("as", type)`, `("is", resource type)`, `("equals", element, value)`, `("at", index)`."""

_STEP = re.compile(
    r"\.?(?:where\(resolve\(\) is (?P<target>\w+)\)|where\((?P<element>\w+) ?= ?'(?P<value>[^']*)'\)"
    r"|as\((?P<as>\w+)\)|extension\('(?P<url>[^']*)'\)|(?P<child>\w+)|\[(?P<at>\d+)\])"
)
_CAST = re.compile(r"\((?P<path>[\w.]+) as (?P<as>\w+)\)(?P<rest>.*)")
_ANY = ("Resource", "DomainResource")


def alternatives(expression: str) -> list[str]:
    """The parts of a union."""
    found: list[str] = []
    depth = start = 0
    for index, char in enumerate(expression):
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            found.append(expression[start:index].strip())
            start = index + 1
    return [*found, expression[start:].strip()]


def steps(expression: str, type_name: str) -> list[Step] | None:
    """The steps of one alternative from a resource of `type_name` (or of a relative path); None where not understood.

    What starts at another type gives no steps that lead anywhere: `[("none",)]`.
    """
    cast = _CAST.fullmatch(expression)
    if cast:
        before, after = steps(cast["path"], type_name), _steps(cast["rest"])
        return None if before is None or after is None else [*before, ("as", cast["as"]), *after]
    root, dot, rest = expression.partition(".")
    if root == type_name or root in _ANY:
        return _steps(rest) if dot else []
    if root[:1].isupper() and root.isalnum():
        return [("none",)]
    return _steps(expression)


def _steps(path: str) -> list[Step] | None:
    found: list[Step] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        at = match.end()
        found.extend(_step(match))
    return found


def _step(match: re.Match[str]) -> list[Step]:
    if match["target"]:
        return [("is", match["target"])]
    if match["element"]:
        return [("equals", match["element"], match["value"])]
    if match["as"]:
        return [("as", match["as"])]
    if match["url"] is not None:
        return [("child", "extension"), ("equals", "url", match["url"]), ("child", "value")]
    return [("at", match["at"])] if match["at"] else [("child", match["child"])]
