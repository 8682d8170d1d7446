"""children, descendants. http://hl7.org/fhirpath/N1/#tree-navigation"""

from typing import Any

from service.fhir.path import navigation, nodes
from service.fhir.path.code import Code
from service.fhir.path.env import Scope
from service.fhir.path.functions.base import Invocation, Table, compiled

TABLE: Table = {}


@compiled(TABLE, "children")
def children(call: Invocation) -> Code:
    many, model = call.target.many, call.site.model

    def below(this: Any, scope: Scope) -> list[Any]:
        return nodes.bounded([child for item in many(this, scope) for child in navigation.children(item, model)])

    return Code(below, ordered=False)


@compiled(TABLE, "descendants")
def descendants(call: Invocation) -> Code:
    many, model = call.target.many, call.site.model
    return Code(lambda this, scope: navigation.descendants(many(this, scope), model), ordered=False)
