"""`StructureMap/$transform`: run one of the maps on some content.

https://hl7.org/fhir/R4/structuremap-operation-transform.html
A variant (`yhdessa-aika`) takes a source document all the way: checked, with stable ids, mapped, validated; a Bundle
given to it goes the way back. Any other map runs its first group on the content as it stands.
"""

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app

from service.api.answers import FHIR, JSON, answer, fhir, fhir_wanted
from service.api.engine import engine
from service.api.errors import Refused, refused
from service.api.operations import CORE, Operation
from service.api.parameters import inputs, is_parameters, read_body
from service.issues import Issue, has_errors

if TYPE_CHECKING:
    from service.mapping import Compiled, Map

OPERATIONS = (Operation("transform", f"{CORE}StructureMap-transform", ("StructureMap",)),)
CANONICAL = "https://yhdessa.example/fhir/StructureMap/"

blueprint = Blueprint("transform", __name__)


@blueprint.post("/fhir/StructureMap/$transform")
def transform() -> Response:
    return _answer(None)


@blueprint.post("/fhir/StructureMap/<map_id>/$transform")
def transform_with(map_id: str) -> Response:
    return _answer(map_id)


def _answer(map_id: str | None) -> Response:
    mimetype = fhir_wanted()
    read = read_body()
    wrapped = is_parameters(read)
    given = inputs(read if wrapped else None, ("content",) if map_id else ("source", "content"))
    content = given.object("content") if wrapped else read
    url = given.text("source")
    name = map_id or (url or "").partition("|")[0]
    if not name:
        raise refused("http.parameter-missing", name="source")
    if content is None:
        raise refused("http.parameter-missing", name="content")
    made, issues = _run(name, content)
    if has_errors(issues) or made is None:
        raise Refused(issues, None if issues else 422)
    if isinstance(made, dict) and "resourceType" in made:
        return fhir(made, mimetype=mimetype)
    # The way back gives a source document, which is no FHIR.
    return answer(made, mimetype=JSON if mimetype == FHIR else mimetype)


def _run(name: str, content: Any) -> tuple[Any, list[Issue]]:
    """The result of the variant or map of this id or url, and what was found on the way."""
    converter = engine().converter
    variant = name.removeprefix(CANONICAL)
    if variant in converter.catalogue.variants:
        if isinstance(content, dict) and content.get("resourceType") == "Bundle":
            restored = converter.restore(content, variant=variant)
            return restored.document, list(restored.issues)
        style = engine().settings.activity_style
        converted = converter.convert(content, variant=variant, activity_style=style)
        return converted.bundle, converted.issues
    compiled, found = _find(name)
    result = compiled.run(
        content, group=f"{found.url}#{found.groups[0].name}", now=current_app.extensions["yhdessa-clock"]()
    )
    return result.target, list(result.issues)


def _find(name: str) -> "tuple[Compiled, Map]":
    """The map of this id, name or url, as the first variant that has it compiled it."""
    for variant in engine().converter.catalogue.variants.values():
        for one in variant.compiled.maps:
            if one.groups and name in (one.url, one.name, one.url.rpartition("/")[2]):
                return variant.compiled, one
    raise refused("http.unknown-resource", type="StructureMap", name=name)
