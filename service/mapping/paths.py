"""FHIRPath inside maps: names become variables, simple paths and tests become Python, the rest a compiled closure.

http://hl7.org/fhirpath/N1; a bare name at the start of an expression is a variable first and an element second:
https://build.fhir.org/ig/HL7/mapping-language-ig/transforms.html#evaluate
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from service.fhir.path import PathError, parse
from service.fhir.path.ast import AST, Binary, Call, Index, Literal, Member, Special, TypeTest, Unary, Variable
from service.mapping.closures import Closure, PathTypes
from service.mapping.model import Place
from service.mapping.scope import Build, Scope, Value, Var
from service.mapping.shapes import OPEN, PRIMITIVES, STRINGS

# Functions that give back some of what they are called on.
_FILTERS = frozenset(
    {"where", "first", "last", "tail", "skip", "take", "distinct", "ofType", "as", "trace", "single", "exclude"}
)
_TEXT = STRINGS - {"date", "dateTime", "instant", "time"}
Steps = tuple[str, ...]


class Paths:
    """Compiles the expressions of one map."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.model = build.model
        self.types = PathTypes(build.model)

    def read(self, text: str, at: Place, scope: Scope) -> AST | None:
        """The tree of `text` with the names of variables resolved; an issue and None where it is no FHIRPath."""
        try:
            tree = parse(text)
        except PathError as error:
            self._report(error, at)
            return None
        return _named(tree, scope)

    def _report(self, error: PathError, at: Place) -> None:
        found = error.issue
        line, column = found.line or 1, found.column or 1
        place = Place(at.file, at.line + line - 1, column if line > 1 else at.column + column - 1)
        self.build.findings.add("fml.fhirpath", place, reason=found.text())

    def truth(self, tree: AST, context: Var | None, scope: Scope) -> str:
        """A Python condition: whether the expression is true."""
        inline = self._test(tree, context, scope)
        if inline is not None:
            return inline
        return self._closure(tree, context, scope, "true")

    def values(self, tree: AST, context: Var | None, scope: Scope) -> Value:
        """What the expression gives, one value or pairs of (value, type)."""
        if isinstance(tree, Literal) and isinstance(tree.value, bool | int | Decimal | str):
            return literal(tree.value)
        found = self._path(tree, context, scope)
        if found is not None:
            var, steps = found
            single = self._single(var, steps)
            if single is not None:
                return single
            if var.slot:
                return Value(f"trail({var.py}.get(), {steps!r})", None, "pairs", fresh=False)
            return Value(
                f"trail({var.py}, {steps!r}, {self._trail_type(var)})", self._type(var, steps), "pairs", fresh=False
            )
        if isinstance(tree, Binary) and tree.operator == "&" and (joined := self._joined(tree, context, scope)):
            return Value(joined, "string", sure=True)
        return Value(self._closure(tree, context, scope, "pairs"), None, "pairs")

    def text(self, tree: AST, context: Var | None, scope: Scope) -> str:
        """A Python list of the values, for the log."""
        return self._closure(tree, context, scope, "pairs")

    # -- simple paths

    def _path(self, tree: AST, context: Var | None, scope: Scope) -> tuple[Var, Steps] | None:
        steps: list[str] = []
        node: AST | None = tree
        while isinstance(node, Member):
            if node.target is None and node.name[:1].isupper():
                return None
            steps.append(node.name)
            node = node.target
        if node is None or (isinstance(node, Special) and node.name == "this"):
            var = context
        elif isinstance(node, Variable):
            var = scope.get(node.name)
        else:
            return None
        return (var, tuple(reversed(steps))) if var is not None else None

    def _elements(self, var: Var, steps: Steps) -> list[Any] | None:
        """The elements along the path; None where a type is unknown on the way."""
        found: list[Any] = []
        type_ = var.type
        for step in steps:
            if type_ in PRIMITIVES:
                if step != "value":
                    return None
                continue
            if type_ is None or type_ in OPEN:
                return None
            element = self.model.element(type_, step)
            if element is None:
                return None
            found.append(element)
            type_ = element.type
        return found

    def _type(self, var: Var, steps: Steps) -> str | None:
        elements = self._elements(var, steps)
        if elements is None:
            return None
        return elements[-1].type if elements else var.type

    def _single(self, var: Var, steps: Steps) -> Value | None:
        """A path that gives at most one value by its types, as one Python expression."""
        if not steps and not var.slot:
            return Value(var.py, var.type, "one", var.sure, var.rtype, var.sibling, fresh=False)
        elements = self._elements(var, steps)
        if elements is None or var.slot or any(one.many or one.is_choice for one in elements):
            return None
        if not elements:
            return Value(var.py, var.type, "one", var.sure, fresh=False)
        keys = tuple(one.key for one in elements)
        py = f"{var.py}.get({keys[0]!r})" if len(keys) == 1 else f"dig({var.py}, {keys!r})"
        return Value(py, elements[-1].type, fresh=False)

    def _trail_type(self, var: Var) -> str:
        return var.rtype or repr(var.type if var.type in PRIMITIVES else None)

    def _joined(self, tree: AST, context: Var | None, scope: Scope) -> str | None:
        """Texts put together by `&` and `join`, as one Python expression that is always a text."""
        if isinstance(tree, Literal) and isinstance(tree.value, str):
            return repr(tree.value)
        if isinstance(tree, Binary) and tree.operator == "&":
            parts = [self._joined(one, context, scope) for one in _chain(tree)]
            return f"({' + '.join(filter(None, parts))})" if all(parts) else None
        if isinstance(tree, Call) and tree.name == "join" and tree.target is not None:
            found = self._path(tree.target, context, scope)
            marks = [one.value for one in tree.arguments if isinstance(one, Literal) and isinstance(one.value, str)]
            if found is None or found[0].slot or len(marks) != 1 or self._type(*found) not in _TEXT:
                return None
            var, steps = found
            return f"{marks[0]!r}.join([one for one, _ in trail({var.py}, {steps!r}, {self._trail_type(var)})])"
        found = self._path(tree, context, scope)
        single = self._single(*found) if found is not None else None
        return f"({single.py} or '')" if single is not None and single.type in _TEXT and not single.rtype else None

    # -- tests that are Python

    def _test(self, tree: AST, context: Var | None, scope: Scope) -> str | None:
        if isinstance(tree, Binary) and tree.operator in ("and", "or"):
            tests = [self._test(one, context, scope) for one in _chain(tree)]
            return f"({f' {tree.operator} '.join(filter(None, tests))})" if all(tests) else None
        if isinstance(tree, Binary) and tree.operator in ("=", "!=", "in"):
            return self._comparison(tree, context, scope)
        if isinstance(tree, Call) and not tree.arguments and tree.name in ("exists", "empty", "not"):
            return self._presence(tree, context, scope)
        if isinstance(tree, Literal) and isinstance(tree.value, bool):
            return repr(tree.value)
        return None

    def _presence(self, tree: Call, context: Var | None, scope: Scope) -> str | None:
        if tree.name == "not":
            inner = tree.target
            if isinstance(inner, Call) and inner.name in ("exists", "empty") and not inner.arguments:
                return self._presence(
                    replace(inner, name="empty" if inner.name == "exists" else "exists"), context, scope
                )
            return None
        found = self._path(tree.target, context, scope) if tree.target is not None else None
        if found is None or not found[1] or found[0].slot:
            return None
        var, steps = found
        single = self._single(var, steps)
        elements = self._elements(var, steps)
        if single is not None and elements and not elements[-1].siblings:
            return f"{single.py} is {'not ' if tree.name == 'exists' else ''}None"
        there = f"bool(trail({var.py}, {steps!r}, {self._trail_type(var)}))"
        return there if tree.name == "exists" else f"not {there}"

    def _comparison(self, tree: Binary, context: Var | None, scope: Scope) -> str | None:
        found = self._path(tree.left, context, scope)
        wanted = _literals(tree.right)
        if found is None or wanted is None or found[0].slot or (tree.operator != "in" and len(wanted) != 1):
            return None
        var, steps = found
        type_ = self._type(var, steps)
        single = self._single(var, steps)
        if all(isinstance(one, str) for one in wanted):
            if type_ is not None and type_ not in _TEXT:
                return None
        elif not (all(isinstance(one, bool) for one in wanted) and type_ == "boolean"):
            return None
        test = {"=": "==", "!=": "not in (None, {})", "in": "in"}[tree.operator]
        values = repr(wanted[0]) if tree.operator != "in" else repr(tuple(wanted))
        if single is not None and type_ is not None:
            if tree.operator == "!=":
                return f"({single.py} {test.format(values)})"
            return f"({single.py} {test} {values})"
        if type_ is None and not (not steps and var.rtype is None and var.type is None):
            # Of unknown type: a date compares by its rules, which only the closure knows; text compares as text.
            return (
                f"only(trail({var.py}, {steps!r}, {self._trail_type(var)}), {tuple(wanted)!r}, {tree.operator != '!='})"
            )
        return f"only(trail({var.py}, {steps!r}, {self._trail_type(var)}), {tuple(wanted)!r}, {tree.operator != '!='})"

    # -- everything else

    def _closure(self, tree: AST, context: Var | None, scope: Scope, form: str) -> str:
        names = sorted({node.name for node in _all(tree) if isinstance(node, Variable) and node.name in scope})
        variables = [scope[name] for name in names]
        try:
            closure = Closure(tree, context, variables, self.types, form)
        except PathError as error:
            self._report(error, self.at)
            return "False" if form == "true" else "()"
        name = self.build.constant(closure.run, "E")
        focus = "None" if context is None else _argument(context)
        given = "".join(f"{one.name!r}: {_argument(one)}, " for one in variables)
        return f"{name}(_r, {focus}, {{{given}}})"

    at: Place = Place("", 1, 1)

    # -- what is read, for traces and for the coverage of fields

    def reads(self, tree: AST, context: Var | None, scope: Scope) -> list[tuple[Var, Steps]]:
        """The paths that the expression reads, each from a variable."""
        found: list[tuple[Var, Steps]] = []
        self._reads(tree, (context, ()) if context else None, context, scope, found)
        return found

    def _reads(
        self,
        node: AST | None,
        this: tuple[Var, Steps] | None,
        context: Var | None,
        scope: Scope,
        found: list[tuple[Var, Steps]],
    ) -> tuple[Var, Steps] | None:
        """Notes what `node` reads; gives the path it stands for, where it stands for one."""
        if node is None or (isinstance(node, Special) and node.name == "this"):
            return this
        if isinstance(node, Variable):
            base: tuple[Var, Steps] | None = (scope[node.name], ()) if node.name in scope else None
            if base:
                found.append(base)
            return base
        if isinstance(node, Member):
            base = self._reads(node.target, this, context, scope, found)
            if base is None:
                return None
            path = (base[0], (*base[1], node.name))
            found.append(path)
            return path
        if isinstance(node, Call):
            base = self._reads(node.target, this, context, scope, found)
            last: tuple[Var, Steps] | None = None
            for argument in node.arguments:
                last = self._reads(argument, base, context, scope, found)
            if node.name in ("children", "descendants", "repeat") and base:
                found.append((base[0], (*base[1], "**")))
            return base if node.name in _FILTERS else last if node.name == "select" else None
        if isinstance(node, Index):
            self._reads(node.index, this, context, scope, found)
            return self._reads(node.target, this, context, scope, found)
        if isinstance(node, Unary | TypeTest):
            return self._reads(node.operand, this, context, scope, found)
        if isinstance(node, Binary):
            left = self._reads(node.left, this, context, scope, found)
            self._reads(node.right, this, context, scope, found)
            return left if node.operator == "|" else None
        return None


def literal(value: Any) -> Value:
    """A literal as a value."""
    kind = {bool: "boolean", int: "integer", Decimal: "decimal"}.get(type(value), "string")
    py = f"Decimal({str(value)!r})" if isinstance(value, Decimal) else repr(value)
    return Value(py, kind, "one", True, literal=value)


def _argument(var: Var) -> str:
    value = f"{var.py}.get()" if var.slot else var.py
    if var.rtype or var.sibling:
        return f"({value}, {var.rtype or repr(var.type)}, {var.sibling})"
    return f"({value}, {var.type!r}, None)"


def _chain(tree: Binary) -> list[AST]:
    """The operands of a chain of one operator, so that a long one is not as deep."""
    found: list[AST] = []
    node: AST = tree
    while isinstance(node, Binary) and node.operator == tree.operator:
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)]


def _literals(tree: AST) -> list[Any] | None:
    if isinstance(tree, Literal) and isinstance(tree.value, str | bool):
        return [tree.value]
    if isinstance(tree, Binary) and tree.operator == "|":
        left, right = _literals(tree.left), _literals(tree.right)
        return left + right if left is not None and right is not None else None
    return None


def _named(tree: AST, scope: Scope) -> AST:
    """`tree` with every bare first name that is a variable turned into one."""
    if isinstance(tree, Member):
        if tree.target is None:
            return Variable(tree.place, tree.name) if tree.name in scope else tree
        return replace(tree, target=_named(tree.target, scope))
    if isinstance(tree, Call):
        target = None if tree.target is None else _named(tree.target, scope)
        if tree.name in ("ofType", "is", "as"):
            return replace(tree, target=target)
        return replace(tree, target=target, arguments=tuple(_named(one, scope) for one in tree.arguments))
    if isinstance(tree, Index):
        return replace(tree, target=_named(tree.target, scope), index=_named(tree.index, scope))
    if isinstance(tree, Unary | TypeTest):
        return replace(tree, operand=_named(tree.operand, scope))
    if isinstance(tree, Binary):
        return replace(tree, left=_named(tree.left, scope), right=_named(tree.right, scope))
    return tree


def _all(tree: AST) -> Iterator[AST]:
    from service.fhir.path.ast import walk

    return walk(tree)
