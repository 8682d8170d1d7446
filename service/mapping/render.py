"""A map as text again, in the order and with the spellings of the R4 specification.

https://hl7.org/fhir/R4/mapping-language.html
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from service.mapping.conceptmaps import SIGNS
from service.mapping.lexer import quote
from service.mapping.metadata import write_metadata
from service.mapping.model import Expression, Group, Map, Param, Rule, Source, Target
from service.mapping.parser_rules import SOURCE_MODES, TARGET_MODES, default_name

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset((*SOURCE_MODES, *TARGET_MODES, "as", "then", "where", "check", "log", "default"))


def render(found: Map) -> str:
    """The text of a map; parsing it gives an equal map."""
    lines: list[str] = []
    metadata = list(found.metadata)
    if not found.name and found.url:
        metadata.insert(0, ("url", found.url))
    lines += write_metadata(metadata)
    if found.name:
        lines += ["", f"map {_text(found.url)} = {_text(found.name)}"]
    for one in found.conceptmaps:
        lines += ["", *_conceptmap(one)]
    if found.structures:
        lines.append("")
    for structure in found.structures:
        alias = f" alias {name(structure.alias)}" if structure.alias else ""
        comment = f" // {structure.comment}" if structure.comment else ""
        lines.append(f"uses {_text(structure.url)}{alias} as {structure.mode}{comment}")
    if found.imports:
        lines += ["", *(f"imports {_text(one.url)}" for one in found.imports)]
    if found.constants:
        lines += ["", *(f"let {name(one.name)} = {one.expression.text};" for one in found.constants)]
    for group in found.groups:
        lines += ["", *_group(group)]
    return "\n".join(lines).lstrip("\n") + "\n"


def name(text: str) -> str:
    """A name, in backticks where it is no plain word."""
    if _NAME.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _text(text: str) -> str:
    escaped = quote(text)[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{escaped}"'


def _comment(text: str | None, indent: str) -> list[str]:
    return [f"{indent}// {line}" for line in (text or "").splitlines()]


def _conceptmap(resource: Mapping[str, Any]) -> list[str]:
    """The lines of a ConceptMap; what only the resource form can say (a row without a code) is left out."""
    groups = resource.get("group", ())
    systems = dict.fromkeys(system for group in groups for system in (_system(group), group.get("target")) if system)
    letters = {system: f"s{number}" for number, system in enumerate(systems)}
    lines = [f"conceptmap {_text('#' + str(resource.get('id')))} {{"]
    lines += [f"  prefix {letter} = {_text(system)}" for system, letter in letters.items()]
    for group in groups:
        unmapped = group.get("unmapped")
        if unmapped:
            value = {"fixed": unmapped.get("code"), "other-map": unmapped.get("url")}.get(unmapped["mode"])
            shown = f" {_text(value)}" if value is not None else ""
            lines.append(f"  unmapped for {letters[_system(group)]} = {unmapped['mode']}{shown}")
    for group in groups:
        for element in group.get("element", ()):
            for target in element.get("target", ()) if "code" in element else ():
                sign = SIGNS.get(target.get("equivalence", "relatedto"), "-")
                line = f"  {letters[_system(group)]}:{_text(element['code'])} {sign}"
                if "code" in target:
                    line += f" {letters[group.get('target') or _system(group)]}:{_text(target['code'])}"
                lines.append(line)
    return [*lines, "}"]


def _system(group: Mapping[str, Any]) -> str:
    return str(group.get("source") or "urn:unknown")


def _group(group: Group) -> list[str]:
    inputs = ", ".join(
        f"{one.mode} {name(one.name)}" + (f" : {_type(one.type)}" if one.type else "") for one in group.inputs
    )
    head = f"group {name(group.name)}({inputs})"
    head += f" extends {name(group.extends)}" if group.extends else ""
    head += f" <<{group.type_mode}>>" if group.type_mode else ""
    lines = [*_comment(group.comment, ""), f"{head} {{"]
    for rule in group.rules:
        lines += _rule(rule, "  ")
    return [*lines, "}"]


def _type(text: str) -> str:
    return ".".join(name(part) for part in text.split(".")) if "/" not in text else _text(text)


def _rule(rule: Rule, indent: str) -> list[str]:
    line = indent + ", ".join(_source(one) for one in rule.sources)
    if rule.targets:
        line += " -> " + ", ".join(_target(one) for one in rule.targets)
    if rule.calls or rule.rules:
        line += " then"
    if rule.calls:
        line += " " + ", ".join(f"{name(one.name)}({_params(one.params)})" for one in rule.calls)
    end = f" {_text(rule.name)};" if rule.name != default_name(rule.sources) else ";"
    lines = _comment(rule.comment, indent)
    if not rule.rules:
        return [*lines, line + end]
    lines.append(line + " {")
    for one in rule.rules:
        lines += _rule(one, indent + "  ")
    return [*lines, f"{indent}}}{end}"]


def _source(source: Source) -> str:
    parts = [_path(source.context, source.path)]
    if source.type:
        parts.append(f": {_type(source.type)}")
    if source.min is not None:
        parts.append(f"{source.min}..{source.max}")
    if source.default is not None:
        parts.append(f"default ({_param(source.default)})")
    if source.list_mode:
        parts.append(source.list_mode)
    if source.variable:
        parts.append(f"as {name(source.variable)}")
    for word, expression in (("where", source.where), ("check", source.check), ("log", source.log)):
        if expression is not None:
            parts.append(f"{word} ({expression.text})")
    return " ".join(parts)


def _path(context: str, path: tuple[str, ...]) -> str:
    return ".".join(name(one) for one in (context, *path))


def _target(target: Target) -> str:
    text = _path(target.context, target.path) if target.context is not None else ""
    if target.transform is not None:
        made = _transform(target)
        text = f"{text} = {made}" if text else made
    if target.variable:
        text += f" as {name(target.variable)}"
    for mode in target.list_modes:
        text += f" {mode}" + (f" {name(target.share)}" if mode == "share" and target.share else "")
    return text


def _transform(target: Target) -> str:
    params = target.params
    if target.transform == "copy" and len(params) == 1 and target.context is not None:
        return _param(params[0])
    if target.transform == "evaluate" and len(params) == 1:
        return f"({params[0].value})" if params[0].kind != "literal" else f"({_param(params[0])})"
    return f"{target.transform}({_params(params)})"


def _params(params: tuple[Param, ...]) -> str:
    return ", ".join(_param(one) for one in params)


def _param(param: Param) -> str:
    if param.kind == "variable":
        return name(str(param.value))
    if param.kind == "expression":
        return str(param.value)
    if isinstance(param.value, bool):
        return "true" if param.value else "false"
    return str(param.value) if isinstance(param.value, int | Decimal) else quote(param.value)


__all__ = ["Expression", "name", "render"]
