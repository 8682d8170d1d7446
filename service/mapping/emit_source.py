"""The source side of a rule: which values it runs over, and under which conditions.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8
"""

from dataclasses import dataclass, replace

from service.mapping.emit_read import ReadWriter
from service.mapping.linker import near
from service.mapping.model import Place, Rule, Source
from service.mapping.scope import Scope, Var
from service.mapping.shapes import OPEN, PRIMITIVES, Element, shown

_SLICES = {"first": "[:1]", "not_first": "[1:]", "last": "[-1:]", "not_last": "[:-1]"}


@dataclass(frozen=True, slots=True)
class Loop:
    """How to run over the values of an element: lines before, the head of the loop, a condition, and the variable."""

    before: tuple[str, ...]
    head: str
    condition: str | None
    var: Var
    steps: str = "()"


class SourceWriter(ReadWriter):
    """Writes sources; the group writer brings the rest."""

    # -- one source

    def source(self, rule: Rule, source: Source, scope: Scope) -> Var | None:
        """Opens the loops and conditions of one source, and puts its variable into `scope`."""
        base = self.variable(source.context, scope, source.at)
        if base is None:
            return None
        if base.mode != "source":
            base = self._from(base)
        for step in source.path[:-1]:
            base = self._open(self.loop(base, step, source.at, None))
        wanted = self._wanted(source)
        if not source.path:
            var = self._itself(base, source, wanted)
        else:
            loop = self.loop(base, source.path[-1], source.at, wanted)
            listed = source.list_mode or source.min is not None or source.max or source.default
            if listed:
                var = self._listed(loop, source, scope, base.pointer)
                self._bind(source, var, scope)
                return var
            var = self._open(loop)
        self._bind(source, var, scope)
        self._tests(source, var, scope)
        return var

    def _bind(self, source: Source, var: Var, scope: Scope) -> None:
        if source.variable:
            scope[source.variable] = replace(var, name=source.variable)

    def _from(self, base: Var) -> Var:
        """A target variable or constant, read as a source."""
        value = self.as_value(base)
        py = self.build.name("v")
        one = value.py if value.form == "one" else f"single(_r, {self.where(self.out.at)}, None, {value.py})[0]"
        self.out.line(f"{py} = {one}")
        pointer = self._pointer("None")
        return Var(base.name, "source", py, base.type, pointer=pointer, sure=False)

    def _pointer(self, py: str) -> str | None:
        if not self.build.traced:
            return None
        name = self.build.name("p")
        self.out.line(f"{name} = {py}")
        return name

    def _wanted(self, source: Source) -> str | None:
        if source.type is None:
            return None
        found = self.build.linker.type_of(self.unit, source.type, source.at)
        return found or source.type

    def _itself(self, base: Var, source: Source, wanted: str | None) -> Var:
        if wanted is None or wanted == base.type:
            return base
        if base.type is None or base.type in OPEN or base.rtype:
            self.out.open(f"if is_type({base.py}, {base.rtype or repr(base.type)}, {wanted!r}):")
        return replace(base, type=wanted, rtype=None)

    def _open(self, loop: Loop) -> Var:
        for line in loop.before:
            self.out.line(line)
        self.out.open(loop.head)
        if loop.condition:
            self.out.open(f"if {loop.condition}:")
        var = loop.var
        if self.build.traced:
            pointer = self.build.name("p")
            self.out.line(f"{pointer} = point({loop.steps})")
            self.out.line(f"_r.reads.add({pointer})")
            var = replace(var, pointer=pointer)
        return var

    # -- the values of one element

    def loop(self, base: Var, step: str, at: Place, wanted: str | None) -> Loop:
        """How to run over `base.step`, only over values of the type `wanted` where one is given."""
        if base.type in PRIMITIVES and not base.rtype:
            return self._of_primitive(base, step, at)
        element = None
        if base.type is not None and not base.rtype:
            element = self.model.element(base.type, step)
            if element is None and base.type not in OPEN and self.model.kind(base.type) is not None:
                hint = near(step, self.model.names(base.type))
                self.build.findings.add("fml.unknown-element", at, name=step, type=shown(base.type), hint=hint)
        if element is None:
            return self._unknown(base, step, wanted)
        self.use(base.type or "", element)
        return self._known(base, element, wanted)

    def _of_primitive(self, base: Var, step: str, at: Place) -> Loop:
        py = self.build.name("v")
        if step == "value":
            var = Var(step, "source", py, base.type)
            return Loop((f"{py} = {base.py}",), f"if {py} is not None:", None, var, f"{base.pointer}")
        element = self.model.element("Element", step)
        if element is None:
            hint = near(step, ("value", "id", "extension"))
            self.build.findings.add("fml.unknown-element", at, name=step, type=shown(base.type), hint=hint)
        holder = f"({base.sibling} or {{}})" if base.sibling else "{}"
        type_ = element.type if element else None
        head = f"for {py} in many({holder}.get({step!r})):"
        return Loop((), head, None, Var(step, "source", py, type_), f"{base.pointer}, {step!r}")

    def _unknown(self, base: Var, step: str, wanted: str | None) -> Loop:
        v, t, x, k, i = (self.build.name(stem) for stem in "vtxki")
        condition = f"is_type({v}, {t}, {wanted!r})" if wanted else None
        var = Var(step, "source", v, wanted, rtype=None if wanted else t, sibling=x, sure=False)
        head = f"for {v}, {t}, {x}, {k}, {i} in child({base.py}, {step!r}):"
        return Loop((), head, condition, var, f"{base.pointer}, {k}, {i}")

    def _known(self, base: Var, element: Element, wanted: str | None) -> Loop:
        choices = element.choices
        condition = None
        type_ = element.type
        if wanted is not None:
            exact = tuple(one for one in choices if one[1] == wanted or self.model.is_a(wanted, one[1]))
            if exact and len(exact) < len(choices):
                choices, type_ = exact, wanted
            elif element.type != wanted:
                v = "{v}"
                condition = f"is_type({v}, {element.type if element.type not in OPEN else None!r}, {wanted!r})"
                type_ = wanted
        if len(choices) > 1:
            return self._choice(base, element, wanted)
        key, primitive = choices[0][0], element.siblings and choices[0][1] in PRIMITIVES
        v = self.build.name("v")
        condition = condition.format(v=v) if condition else None
        if primitive:
            x, i = self.build.name("x"), self.build.name("i")
            var = Var(element.name, "source", v, type_, sibling=x, sure=False)
            if element.many:
                head = f"for {v}, {x}, {i} in paired({base.py}.get({key!r}), {base.py}.get({'_' + key!r})):"
                return Loop((), head, condition, var, f"{base.pointer}, {key!r}, {i}")
            before = (f"{v} = {base.py}.get({key!r})", f"{x} = {base.py}.get({'_' + key!r})")
            return Loop(before, f"if {v} is not None or {x} is not None:", condition, var, f"{base.pointer}, {key!r}")
        var = Var(element.name, "source", v, type_)
        if element.many:
            if self.build.traced:
                i = self.build.name("i")
                head = f"for {i}, {v} in enumerate(many({base.py}.get({key!r}))):"
                return Loop((), head, condition, var, f"{base.pointer}, {key!r}, {i}")
            line = f"{v} = {base.py}.get({key!r})"
            head = f"for {v} in {v} if type({v}) is list and None not in {v} else many({v}):"
            return Loop((line,), head, condition, var)
        line = f"{v} = {base.py}.get({key!r})"
        return Loop((line,), f"if {v} is not None:", condition, var, f"{base.pointer}, {key!r}")

    def _choice(self, base: Var, element: Element, wanted: str | None) -> Loop:
        v, t, x, k, i = (self.build.name(stem) for stem in "vtxki")
        keys = self.build.constant(dict(element.choices))
        condition = f"{t} == {wanted!r}" if wanted else None
        var = Var(element.name, "source", v, wanted, rtype=None if wanted else t, sibling=x, sure=False)
        head = f"for {v}, {t}, {x}, {k}, {i} in typed({base.py}, {keys}):"
        return Loop((), head, condition, var, f"{base.pointer}, {k}, {i}")

    # -- list modes, cardinality, default

    def _listed(self, loop: Loop, source: Source, scope: Scope, around: str | None) -> Var:
        """All values first, then what was asked of them, then the loop."""
        out, var = self.out, loop.var
        names = list(dict.fromkeys(var.names))
        items, pointer = self.build.name("l"), self.build.name("p") if self.build.traced else None
        row = f"({', '.join([*names, *([pointer] if pointer else [])])},)"
        start = out.indent
        out.line(f"{items} = []")
        for line in loop.before:
            out.line(line)
        out.open(loop.head)
        if loop.condition:
            out.open(f"if {loop.condition}:")
        if pointer:
            out.line(f"{pointer} = point({loop.steps})")
            out.line(f"_r.reads.add({pointer})")
        out.line(f"{items}.append({row})")
        out.indent = start
        where = self.where(source.at)
        place = f"point({around}, {source.path[-1]!r})" if self.build.traced else "None"
        if source.min is not None or source.max is not None:
            most = "None" if source.max in (None, "*") else str(int(source.max))
            name = ".".join((source.context, *source.path))
            out.line(f"cardinality(_r, {where}, {place}, {items}, {source.min or 0}, {most}, {name!r})")
        var = replace(var, pointer=pointer)
        inner = dict(scope)
        self._bind(source, var, inner)
        if source.default is not None:
            self._default(source, var, items, row, scope)
        if source.where:
            tree = self.condition(source.where, var, inner)
            if tree:
                out.line(f"{items} = [{row} for {row} in {items} if {tree}]")
        if source.check or source.log:
            out.open(f"for {row} in {items}:")
            self._checks(source, var, inner)
            out.indent = start
        if source.list_mode == "only_one":
            out.line(f"only_one(_r, {where}, {place}, {items}, {'.'.join((source.context, *source.path))!r})")
        elif source.list_mode:
            out.line(f"{items} = {items}{_SLICES[source.list_mode]}")
        out.open(f"for {row} in {items}:")
        return var

    def _default(self, source: Source, var: Var, items: str, row: str, scope: Scope) -> None:
        param = source.default
        assert param is not None
        value = self.expression(str(param.value), param.at, None, scope) if param.kind == "expression" else None
        if param.kind == "variable":
            found = self.variable(str(param.value), scope, param.at)
            value = self.as_value(found) if found else None
        py = repr(param.value) if value is None else value.py
        if param.kind == "literal" and not isinstance(param.value, str | int):
            py = f"Decimal({str(param.value)!r})"
        if value is not None and value.form == "pairs":
            py = f"single(_r, {self.where(source.at)}, None, {value.py})[0]"
        rest = {name: "None" for name in (var.sibling, var.pointer) if name}
        kinds = {bool: "boolean", int: "integer", str: "string"}
        if var.rtype:
            rest[var.rtype] = repr(kinds.get(type(param.value)) if param.kind == "literal" else None)
        order = [name.strip() for name in row.strip("()").split(",") if name.strip()]
        self.out.open(f"if not {items}:")
        self.out.line(f"{items} = [({', '.join(py if name == var.py else rest[name] for name in order)},)]")
        self.out.indent -= 1

    # -- conditions

    def _tests(self, source: Source, var: Var, scope: Scope) -> None:
        if source.where:
            condition = self.condition(source.where, var, scope)
            if condition:
                self.out.open(f"if {condition}:")
        self._checks(source, var, scope)

    def _checks(self, source: Source, var: Var, scope: Scope) -> None:
        where = self.where((source.check or source.log or source).at)
        pointer = var.pointer or "None"
        if source.check:
            condition = self.condition(source.check, var, scope)
            if condition:
                text = self.build.constant(source.check.text)
                self.out.open(f"if not {condition}:")
                self.out.line(f"_r.fail('fml.check', {where}, {pointer}, check={text})")
                self.out.indent -= 1
        if source.log:
            tree = self.paths.read(source.log.text, source.log.at, scope)
            if tree is not None:
                self.note_reads(tree, var, scope)
                self.paths.at = source.log.at
                self.out.line(f"note_log(_r, {self.where(source.log.at)}, {self.paths.text(tree, var, scope)})")
