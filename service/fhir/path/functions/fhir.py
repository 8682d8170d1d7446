"""What FHIR adds: extension, resolve, memberOf, conformsTo, htmlChecks …

https://hl7.org/fhir/R4/fhirpath.html#functions
"""

from collections.abc import Callable
from typing import Any

from service.fhir.path import nodes
from service.fhir.path.code import BOOLEAN, Code
from service.fhir.path.env import Env, Scope
from service.fhir.path.errors import PathError, failure
from service.fhir.path.functions.base import Invocation, Table, compiled
from service.fhir.path.model import Model
from service.fhir.path.typetests import is_a

TABLE: Table = {}
_CORE = "http://hl7.org/fhir/StructureDefinition/"


@compiled(TABLE, "extension", 1)
def extension(call: Invocation) -> Code:
    many, wanted, typed, place = call.target.many, call.argument(0).many, call.site.model is not None, call.place

    def find(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        if not items:
            return []
        try:
            url = nodes.text(wanted(this, scope))
        except PathError as error:
            raise error.at(place) from None
        found = [one for item in items for one in extensions_of(item) if one.get("url") == url]
        return [(one, "Extension", None) for one in found] if typed else list(found)

    return Code(find, None, frozenset({"Extension"}) if typed else None)


def extensions_of(item: Any) -> list[dict[str, Any]]:
    """The extensions of an element, of a primitive too."""
    holder = item
    if type(item) is tuple:
        holder = item[0] if type(item[0]) is dict else item[2]
    found = holder.get("extension") if type(holder) is dict else None
    return [one for one in found if type(one) is dict] if type(found) is list else []


@compiled(TABLE, "resolve")
def resolve(call: Invocation) -> Code:
    """The resources that references (Reference, canonical, uri or string) point to; what is not found is left out."""
    many, model = call.target.many, call.site.model

    def follow(this: Any, scope: Scope) -> list[Any]:
        out: list[Any] = []
        for item in many(this, scope):
            reference = nodes.plain(item)
            if type(reference) is dict:
                reference = reference.get("reference")
            if type(reference) is str:
                find = scope.env.resolve
                found = find(reference) if find is not None else find_inside(reference, scope)
                out.extend(nodes.wrap(found, model))
        return out

    return Code(follow)


def find_inside(reference: str, scope: Scope) -> Any:
    """A contained resource, or an entry of the Bundle at the root; `None` where there is none."""
    env = scope.env
    resource = env.resource if env.resource is not None else nodes.plain(scope.focus)
    root = env.root_resource if env.root_resource is not None else resource
    for holder in (resource, root):
        if reference == "#":
            return holder
        for one in _objects(holder, "contained"):
            if reference.startswith("#") and one.get("id") == reference[1:]:
                return one
    for entry in _objects(root, "entry"):
        target = entry.get("resource")
        if type(target) is dict and reference in (
            entry.get("fullUrl"),
            f"{target.get('resourceType')}/{target.get('id')}",
        ):
            return target
    return None


def _objects(holder: Any, name: str) -> list[dict[str, Any]]:
    found = holder.get(name) if type(holder) is dict else None
    return [one for one in found if type(one) is dict] if type(found) is list else []


def _asked(name: str, ask: Callable[[Env], Callable[[str, Any], bool | None] | None], *, swap: bool = False) -> None:
    """A question to a callback about one item and an argument."""

    @compiled(TABLE, name, 1)
    def compile_question(call: Invocation) -> Code:
        many, argument = call.target.many, call.argument(0).many

        def question(this: Any, scope: Scope) -> list[Any]:
            items, others = many(this, scope), argument(this, scope)
            if len(items) > 1 or len(others) > 1:
                raise failure("singleton", call.place, count=max(len(items), len(others)))
            if not items or not others:
                return []
            hook = ask(scope.env)
            if hook is None:
                raise failure("no-hook", call.place, name=name)
            one, other = nodes.plain(items[0]), nodes.plain(others[0])
            answer = hook(one, other) if swap else hook(other, one)
            return [] if answer is None else [answer]

        return Code(question, None, BOOLEAN)


_asked("memberOf", lambda env: env.member_of)
_asked("subsumes", lambda env: env.subsumes, swap=True)
_asked("subsumedBy", lambda env: env.subsumes)


@compiled(TABLE, "conformsTo", 1)
def conforms_to(call: Invocation) -> Code:
    """Asks the validator; without one, whether a resource is of the base type that a core URL names."""
    many, argument, model = call.target.many, call.argument(0).many, call.site.model

    def conforms(this: Any, scope: Scope) -> list[Any]:
        try:
            items, url = many(this, scope), nodes.text(argument(this, scope))
            if len(items) > 1:
                raise failure("singleton", count=len(items))
            if not items or url is None:
                return []
            if scope.env.conforms_to is not None:
                answer = scope.env.conforms_to(url, nodes.plain(items[0]))
                if answer is None:
                    raise failure("unknown-profile", url=url)
                return [answer]
            return [_is_base(items[0], url, model)]
        except PathError as error:
            raise error.at(call.place) from None

    return Code(conforms, None, BOOLEAN)


def _is_base(item: Any, url: str, model: Model | None) -> bool:
    name = url.removeprefix(_CORE)
    if model is None or not url.startswith(_CORE) or model.kind(name) is None:
        raise failure("unknown-profile", url=url)
    return is_a(nodes.type_of(item).name, name, model)


@compiled(TABLE, "htmlChecks")
def html_checks(call: Invocation) -> Code:
    many = call.target.many

    def check(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        if not items:
            return []
        if scope.env.html_checks is None:
            raise failure("no-hook", call.place, name="htmlChecks")
        texts = [nodes.plain(item) for item in items]
        return [all(type(text) is str and scope.env.html_checks(text) for text in texts)]

    return Code(check, None, BOOLEAN)


@compiled(TABLE, "elementDefinition")
def element_definition(call: Invocation) -> Code:
    many, typed = call.target.many, call.site.model is not None

    def define(this: Any, scope: Scope) -> list[Any]:
        hook = scope.env.element_definition
        if hook is None:
            raise failure("no-hook", call.place, name="elementDefinition")
        found = [hook(nodes.plain(item)) for item in many(this, scope)]
        return [(one, "ElementDefinition", None) if typed else one for one in found if one is not None]

    return Code(define)


@compiled(TABLE, "slice", 2)
def slice_of(call: Invocation) -> Code:
    many, profile, name = call.target.many, call.argument(0).many, call.argument(1).many

    def keep(this: Any, scope: Scope) -> list[Any]:
        hook = scope.env.slice
        if hook is None:
            raise failure("no-hook", call.place, name="slice")
        url, label = nodes.text(profile(this, scope)), nodes.text(name(this, scope))
        if url is None or label is None:
            return []
        return [item for item in many(this, scope) if hook(url, label, nodes.plain(item)) is True]

    return Code(keep, None, call.target.types)


@compiled(TABLE, "checkModifiers", 0, 50)
def check_modifiers(call: Invocation) -> Code:
    """The items, unless one has a modifier extension that is not among those named: that is an error."""
    many, known = call.target.many, [call.argument(at).many for at in range(call.count)]

    def check(this: Any, scope: Scope) -> list[Any]:
        items = many(this, scope)
        urls = {nodes.text(one(this, scope)) for one in known}
        for item in items:
            for one in _objects(nodes.plain(item), "modifierExtension"):
                if one.get("url") not in urls:
                    raise failure("modifier", call.place, url=one.get("url"))
        return items

    return Code(check, None, call.target.types)
