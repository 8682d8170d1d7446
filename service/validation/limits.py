"""The limits that a question of a Questionnaire sets to its answers by extensions: size, form, number, units.

https://hl7.org/fhir/R4/questionnaire-profiles.html, http://hl7.org/fhir/uv/sdc
"""

from decimal import Decimal
from typing import Any

from service.fhir.path import PathError
from service.fhir.path.patterns import covers
from service.validation import patterns
from service.validation.references import LITERAL
from service.validation.run import At, Json, Run

ROOT = "http://hl7.org/fhir/StructureDefinition/"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"


def extensions(node: Any, url: str) -> list[Any]:
    """The values of the extensions with that url."""
    rows = node.get("extension") if type(node) is dict else None
    mine = [one for one in rows if type(one) is dict and one.get("url") == url] if type(rows) is list else []
    return [value for one in mine for key, value in one.items() if key.startswith("value")]


def extension(node: Any, url: str) -> Any:
    """The value of the first extension with that url, `None` without one."""
    return next(iter(extensions(node, url)), None)


def check_count(asked: Json, count: int, at: At, run: Run) -> None:
    """How many answers a question takes."""
    link = asked.get("linkId")
    least, most = extension(asked, ROOT + "questionnaire-minOccurs"), extension(asked, ROOT + "questionnaire-maxOccurs")
    if type(least) is int and 0 < count < least:
        run.add("validation.answer-few", at, link=link, count=count, least=least)
    if type(most) is int and count > most:
        run.add("validation.answer-many", at, link=link, count=count, most=most)


def check_limits(asked: Json, value: Any, at: At, run: Run) -> None:
    """Check one answer."""
    link = asked.get("linkId")
    for urls, key, sign in (
        ((ROOT + "minValue", _SDC + "minQuantity"), "validation.min-value", 1),
        ((ROOT + "maxValue", _SDC + "maxQuantity"), "validation.max-value", -1),
    ):
        limit = next((found for url in urls if (found := extension(asked, url)) is not None), None)
        if limit is None:
            continue
        order = patterns.compare(value, limit)
        formal = type(limit) is not dict or (type(value) is dict and limit.get("code") and value.get("code"))
        if type(limit) is dict and (order is None or not formal):
            run.add("validation.answer-units", at, link=link, value=_quantity(value), limit=_quantity(limit))
        elif order is not None and order * sign < 0:
            run.add(key, at, value=patterns.short(value), limit=patterns.short(limit))
    if type(value) is str:
        _check_text(asked, value, at, run)
    elif type(value) is Decimal:
        places = extension(asked, ROOT + "maxDecimalPlaces")
        exponent = value.as_tuple().exponent
        if type(places) is int and type(exponent) is int and -exponent > places:
            run.add("validation.answer-places", at, value=value, most=places)
    elif type(value) is dict:
        _check_object(asked, value, at, run)


def _check_text(asked: Json, value: str, at: At, run: Run) -> None:
    most, least = asked.get("maxLength"), extension(asked, ROOT + "minLength")
    if type(most) is int and len(value) > most:
        run.add("validation.max-length", at, most=most, length=len(value))
    if type(least) is int and len(value) < least:
        run.add("validation.answer-short", at, least=least, length=len(value))
    if asked.get("type") == "string" and ("\n" in value or "\r" in value):
        run.add("validation.answer-lines", at, link=asked.get("linkId"))
    form = extension(asked, ROOT + "regex")
    if type(form) is str and not _fits(value, form):
        run.add("validation.answer-format", at, value=value, form=form)


def _check_object(asked: Json, value: Json, at: At, run: Run) -> None:
    link, kind = asked.get("linkId"), asked.get("type")
    if kind == "attachment":
        types, size = extensions(asked, ROOT + "mimeType"), extension(asked, ROOT + "maxSize")
        given = value.get("contentType")
        if types and given is not None and given not in types:
            names = ", ".join(map(str, types))
            run.add("validation.answer-mime", (at, "contentType"), link=link, value=given, allowed=names)
        if type(value.get("size")) is int and isinstance(size, int | Decimal) and value["size"] > size * 1_048_576:
            run.add("validation.answer-size", (at, "size"), link=link, size=value["size"], most=size)
    elif kind == "reference":
        wanted = extensions(asked, ROOT + "questionnaire-referenceResource")
        literal = value.get("reference")
        match = LITERAL.fullmatch(literal) if type(literal) is str else None
        if wanted and match and match[1] not in wanted:
            run.add("validation.reference-target", at, target=match[1], allowed=", ".join(map(str, wanted)))
    elif kind == "quantity":
        options = extensions(asked, ROOT + "questionnaire-unitOption")
        units = [(one.get("system"), one.get("code")) for one in options if type(one) is dict]
        if units and (value.get("system"), value.get("code")) not in units:
            run.add("validation.answer-unit", at, link=link, value=_quantity(value))


def _fits(value: str, form: str) -> bool:
    """Whether `value` has the form; a form that is wrong or too costly to ask after refuses nothing."""
    try:
        return covers(value, form)
    except PathError:
        return True


def _quantity(value: Any) -> str:
    if type(value) is not dict:
        return patterns.short(value)
    unit = value.get("unit") or value.get("code") or ""
    return f"{value.get('value', '')} {unit}".strip()
