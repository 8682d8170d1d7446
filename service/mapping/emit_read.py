"""What the expressions of a rule read: noted for the coverage, and in the traced form at run time.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8
"""

from service.fhir.path.ast import AST, Call, Member, walk
from service.mapping.linker import Unit, near
from service.mapping.model import Expression, Place
from service.mapping.paths import Paths
from service.mapping.scope import Build, Scope, Value, Var, Writer
from service.mapping.shapes import PRIMITIVES, Element, TargetModel


class ReadWriter:
    """Writes conditions and notes of what is read; the group writer brings the rest."""

    build: Build
    unit: Unit
    paths: Paths
    model: TargetModel
    out: Writer
    touched: list[str]

    def where(self, at: Place | None) -> str:
        raise NotImplementedError

    def variable(self, name: str, scope: Scope, at: Place) -> Var | None:
        raise NotImplementedError

    def as_value(self, var: Var) -> Value:
        raise NotImplementedError

    def expression(self, text: str, at: Place, context: Var | None, scope: Scope) -> Value | None:
        raise NotImplementedError

    def near(self, name: str, known: object) -> str:
        return near(name, list(known))  # type: ignore[call-overload]

    def condition(self, expression: Expression, context: Var, scope: Scope) -> str | None:
        """A Python condition of a FHIRPath expression."""
        tree = self.paths.read(expression.text, expression.at, scope)
        if tree is None:
            return None
        self.note_reads(tree, context, scope)
        self.paths.at = expression.at
        return self.paths.truth(tree, context, scope)

    def check_names(self, tree: AST, at: Place, scope: Scope) -> None:
        """Warns of bare names in an expression without a context: they can only be variables."""
        inner = {
            id(node) for call in walk(tree) if isinstance(call, Call) for one in call.arguments for node in walk(one)
        }
        for node in walk(tree):
            bare = isinstance(node, Member) and node.target is None and id(node) not in inner
            if bare and not node.name[:1].isupper():  # type: ignore[union-attr]
                hint = near(node.name, scope)  # type: ignore[union-attr]
                self.build.findings.add("fml.unknown-name", at, name=node.name, hint=hint)  # type: ignore[union-attr]

    def note_reads(self, tree: AST, context: Var | None, scope: Scope) -> None:
        """Notes the elements that an expression reads: for the coverage, and in the traced form at run time."""
        for var, steps in self.paths.reads(tree, context, scope):
            self._use_path(var, steps)
            if self.build.traced and var.pointer:
                name = self.build.name("q")
                self.out.line(f"{name} = touch(_r, {var.py}, {var.pointer}, {steps!r})")
                self.touched.append(name)

    def _use_path(self, var: Var, steps: tuple[str, ...]) -> None:
        type_ = var.type
        for step in steps:
            if step == "**" and type_:
                self.use_all(type_)
            if type_ is None or type_ in PRIMITIVES:
                return
            element = self.model.element(type_, step)
            if element is None:
                return
            self.use(type_, element)
            type_ = element.type

    def use(self, type_: str, element: Element) -> None:
        """Notes that an element of a source type is read."""
        self.build.used.add(f"{type_}.{element.name}")

    def use_all(self, type_: str | None) -> None:
        """Notes that a source type is read whole."""
        if type_ is None or type_ in PRIMITIVES or not type_.startswith("@"):
            return
        for name in self.model.names(type_):
            element = self.model.element(type_, name)
            if element is not None and f"{type_}.{name}" not in self.build.used | {f"{type_}.{name}.**"}:
                self.use(type_, element)
            if element is not None and element.type != type_:
                self.use_all(element.type)
