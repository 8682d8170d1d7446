"""StructureMap resources (R4), written from a map: the resource keeps what the map says. See `structuremap_read`.

https://hl7.org/fhir/R4/structuremap.html
"""

from decimal import Decimal
from typing import Any

from service.mapping.model import Constant, Group, Map, Param, Rule, Source, Structure, Target
from service.mapping.render import name as quoted

# What other engines name the variables of a rule without any: https://hl7.org/fhir/R4/mapping-language.html#7.8.0.9
AUTO = "vvv"
CONSTANT_EXTENSION = "https://yhdessa.example/fhir/StructureDefinition/structuremap-const"
_DEFAULTS = {bool: "defaultValueBoolean", int: "defaultValueInteger", Decimal: "defaultValueDecimal"}


def to_resource(found: Map) -> dict[str, Any]:
    """The StructureMap resource of a map. R4 has no constants: they stand in an extension."""
    made: dict[str, Any] = {"resourceType": "StructureMap"}
    if found.name:
        made["id"] = "".join(char if char.isalnum() or char in "-." else "-" for char in found.name)[:64]
    if found.conceptmaps:
        made["contained"] = [dict(one) for one in found.conceptmaps]
    if found.constants:
        made["extension"] = [_constant(one) for one in found.constants]
    made["url"] = found.url
    made["name"] = found.name
    made["status"] = "draft"
    for key, value in found.metadata:
        _put(made, key.split("."), value)
    if found.structures:
        made["structure"] = [_structure(one) for one in found.structures]
    if found.imports:
        made["import"] = [one.url for one in found.imports]
    made["group"] = [_group(one) for one in found.groups]
    return made


def _constant(one: Constant) -> dict[str, Any]:
    expression = {"name": one.name, "language": "text/fhirpath", "expression": one.expression.text}
    return {"url": CONSTANT_EXTENSION, "valueExpression": expression}


_LISTED = frozenset({"jurisdiction", "identifier", "contact", "useContext", "coding", "telecom", "extension"})


def _put(holder: dict[str, Any], path: list[str], value: Any) -> None:
    """One metadata line in the resource: each line without a value begins a new item."""
    for step in path[:-1]:
        inner = holder.get(step)
        if inner is None:
            inner = holder[step] = [{}] if step in _LISTED else {}
        holder = inner[-1] if isinstance(inner, list) else inner
    last = path[-1]
    if value is None:
        if last in _LISTED:
            holder.setdefault(last, []).append({})
        else:
            holder.setdefault(last, {})
    else:
        holder[last] = value


def _structure(one: Structure) -> dict[str, Any]:
    return _some(url=one.url, mode=one.mode, alias=one.alias, documentation=one.comment)


def _group(group: Group) -> dict[str, Any]:
    mode = {"types": "types", "type+": "type-and-types"}.get(group.type_mode or "", "none")
    return _some(
        name=group.name,
        extends=group.extends,
        typeMode=mode,
        documentation=group.comment,
        input=[_some(name=one.name, type=one.type, mode=one.mode) for one in group.inputs],
        rule=[_rule(one) for one in group.rules],
    )


def _rule(rule: Rule) -> dict[str, Any]:
    auto = rule.simple and rule.sources[0].variable is None and bool(rule.sources[0].path)
    return _some(
        name=rule.name,
        source=[_source(one, auto) for one in rule.sources],
        target=[_target(one, auto) for one in rule.targets],
        rule=[_rule(one) for one in rule.rules],
        dependent=[{"name": one.name, "variable": [_word(param) for param in one.params]} for one in rule.calls],
        documentation=rule.comment,
    )


def _source(source: Source, auto: bool) -> dict[str, Any]:
    made = _some(
        context=source.context,
        min=source.min,
        max=source.max,
        type=source.type,
        element=".".join(quoted(one) if "." in one or "`" in one else one for one in source.path) or None,
        listMode=source.list_mode,
        variable=AUTO if auto else source.variable,
        condition=source.where and source.where.text,
        check=source.check and source.check.text,
        logMessage=source.log and source.log.text,
    )
    if source.default is not None:
        value = source.default.value
        if source.default.kind == "literal":
            made[_DEFAULTS.get(type(value), "defaultValueString")] = value
        else:
            made["defaultValueExpression"] = {"language": "text/fhirpath", "expression": value}
    return made


def _target(target: Target, auto: bool) -> dict[str, Any]:
    return _some(
        context=target.context,
        contextType="variable" if target.context else None,
        element=".".join(quoted(one) if "." in one or "`" in one else one for one in target.path) or None,
        variable=AUTO if auto else target.variable,
        listMode=list(target.list_modes),
        listRuleId=target.share,
        transform="create" if auto else target.transform,
        parameter=[_parameter(one) for one in target.params],
    )


def _parameter(param: Param) -> dict[str, Any]:
    if param.kind == "variable":
        return {"valueId": param.value}
    kinds = {bool: "valueBoolean", int: "valueInteger", Decimal: "valueDecimal"}
    return {kinds.get(type(param.value), "valueString"): param.value}


def _word(param: Param) -> str:
    """A parameter of a call: R4 knows only variables there, so a literal is written as in the text."""
    if param.kind == "literal" and isinstance(param.value, str):
        return "'" + param.value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(param.value).lower() if isinstance(param.value, bool) else str(param.value)


def _some(**given: Any) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None and value != [] and value != ""}
