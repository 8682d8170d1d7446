"""Writes one Python function for a group: its rules as loops over the source and assignments to the target.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8
"""

from service.mapping.emit_target import TargetWriter
from service.mapping.linker import Linker, Unit
from service.mapping.model import Call, Group, Input, Param, Place, Rule
from service.mapping.paths import Paths, literal
from service.mapping.scope import Build, Scope, Signature, Value, Var, Writer

# Python allows twenty loops within one another: rules further inside go into a function of their own, and a rule that
# alone runs over more elements than this is refused.
_LOOPS = 8
_STEPS = 10
_INDENT = 40


class GroupWriter(TargetWriter):
    """The function of one group for arguments of given types."""

    def __init__(self, build: Build, unit: Unit, group: Group) -> None:
        self.build = build
        self.unit = unit
        self.group = group
        self.paths = Paths(build)
        self.model = build.model
        self.out = Writer("")
        self.extra: list[Writer] = []
        self.constants: Scope = {}
        self.bound: list[Var] = []
        self.touched: list[str] = []

    def function(self, name: str, args: list[Var]) -> None:
        """Writes the function `name`."""
        parameters = "".join(f", {one}" for var in args for one in var.names)
        self.out = Writer(f"def {name}(_r{parameters}):")
        self.out.at = self.group.at
        scope = self._constants() | {one.name: one for one in args}
        self.constants = {key: value for key, value in scope.items() if value.mode == "constant"}
        if _shares(self.group.rules):
            self.out.line("_s = {}")
        if self.group.extends:
            self._extends(scope)
        for rule in self.group.rules:
            self.rule(rule, scope, 0)
        self.out.line("return None")
        self.build.functions[name] = self.out

    def _constants(self) -> Scope:
        """The constants of the map, each a function of its own: inside one another they would grow without end."""
        known = self.build.scopes.get(id(self.unit))
        if known is not None:
            return known
        found: Scope = {}
        for one in self.unit.map.constants:
            tree = self.paths.read(one.expression.text, one.expression.at, found)
            if tree is None:
                continue
            value = self.paths.values(tree, None, found)
            if value.literal is not None:
                found[one.name] = Var(one.name, "constant", value.py, value.type)
                continue
            evaluate = value.py if value.form == "pairs" else f"[({value.py}, {value.type!r})]"
            name = self.build.name("c_")
            out = Writer(f"def {name}(_r):")
            out.at = one.at
            out.line(f"return {evaluate}")
            self.build.functions[name] = out
            found[one.name] = Var(one.name, "constant", f"_once(_r, {name!r}, {name})", None)
        self.build.scopes[id(self.unit)] = found
        return found

    def _extends(self, scope: Scope) -> None:
        found = self.build.linker.replaced.get(id(self.group)) if self.group.extends == self.group.name else None
        found = found or self.build.linker.group(self.unit, self.group.extends or "", self.group.at)
        if found is None:
            return
        unit, group = found
        if _circular(self.build.linker, unit, group, self.group):
            self.build.findings.add("fml.circular-extends", self.group.at, name=self.group.name)
            return
        own = [one.name for one in self.group.inputs]
        names = [one.name for one in group.inputs]
        if not set(names) <= set(own):
            names = own[: len(names)]
        if len(names) != len(group.inputs):
            self.build.findings.add("fml.extends-inputs", self.group.at, name=self.group.name, other=group.name)
            return
        self.invoke(unit, group, [scope[name] for name in names], self.group.at)

    # -- rules

    def rule(self, rule: Rule, scope: Scope, depth: int) -> None:
        out, start = self.out, self.out.indent
        self.out.at = rule.at
        steps = sum(max(1, len(one.path)) for one in rule.sources)
        if steps > _STEPS:
            self.build.findings.add("fml.too-many-steps", rule.at, count=steps, most=_STEPS)
            return
        cleanup: list[str] = []
        inner = dict(scope)
        bound: list[Var] = []
        for source in rule.sources:
            var = self.source(rule, source, inner)
            if var is None:
                out.indent = start
                return
            bound.append(var)
        if rule.simple:
            self.simple(rule, bound[0], inner)
        else:
            self.paths.at = rule.at
            for target in rule.targets:
                self.target(rule, target, inner, bound, cleanup)
        for call in rule.calls:
            self.call(call, inner)
        self._nested(rule, inner, depth)
        for line in reversed(cleanup):
            out.line(line)
        out.line("pass")
        out.indent = start

    def _nested(self, rule: Rule, scope: Scope, depth: int) -> None:
        if not rule.rules:
            return
        if self.out.loops < _LOOPS and self.out.indent < _INDENT:
            for one in rule.rules:
                self.rule(one, scope, depth + 1)
            return
        names = list(dict.fromkeys(name for var in scope.values() for name in var.names))
        names += ["_s"] if _shares(self.group.rules) else []
        name = self.build.name("block")
        arguments = "".join(f", {one}" for one in names)
        self.out.line(f"{name}(_r{arguments})")
        outer, self.out = self.out, Writer(f"def {name}(_r{arguments}):")
        for one in rule.rules:
            self.rule(one, scope, depth + 1)
        self.out.line("return None")
        self.build.functions[name] = self.out
        self.out = outer

    # -- groups

    def call(self, call: Call, scope: Scope) -> None:
        """`then group(params)`."""
        self.out.at = call.at
        found = self.build.linker.group(self.unit, call.name, call.at)
        if found is None:
            return
        unit, group = found
        if len(call.params) != len(group.inputs):
            self.build.findings.add(
                "fml.call-arity", call.at, name=call.name, expected=len(group.inputs), count=len(call.params)
            )
            return
        args = [
            self._argument(call, param, input_, scope) for param, input_ in zip(call.params, group.inputs, strict=True)
        ]
        if all(one is not None for one in args):
            self.invoke(unit, group, [one for one in args if one is not None], call.at)

    def _argument(self, call: Call, param: Param, input_: Input, scope: Scope) -> Var | None:
        if param.kind == "variable":
            var = self.variable(str(param.value), scope, param.at)
            if var is None:
                return None
            if input_.mode == "target" and var.mode != "target":
                self.build.findings.add(
                    "fml.argument-mode", param.at, name=var.name, group=call.name, input=input_.name
                )
                return None
            if input_.mode == "source" and var.mode != "source":
                return self._held(var.name, self.as_value(var))
            return var
        if input_.mode == "target":
            self.build.findings.add("fml.argument-mode", param.at, name=param.value, group=call.name, input=input_.name)
            return None
        value = self.param(param, None, scope)
        return self._held(input_.name, value) if value is not None else None

    def _held(self, name: str, value: Value) -> Var:
        """A value in a Python name of its own, as a source variable."""
        py = self.build.name("v")
        if value.form == "pairs":
            self.out.line(f"{py} = single(_r, {self.where(self.out.at)}, None, {value.py})[0]")
        else:
            self.out.line(f"{py} = {value.py}")
        pointer = None
        if self.build.traced:
            pointer = self.build.name("p")
            self.out.line(f"{pointer} = None")
        return Var(name, "source", py, value.type, pointer=pointer, sure=value.sure)

    def invoke(self, unit: Unit, group: Group, args: list[Var], at: Place) -> None:
        """Writes the call of `group` with `args`, and has the function made that fits their types."""
        typed: list[Var] = []
        for var, input_ in zip(args, group.inputs, strict=False):
            declared = self.build.linker.type_of(unit, input_.type, input_.at)
            type_ = self._agreed(var, declared)
            typed.append(
                Var(input_.name, input_.mode, var.py, type_, var.slot, var.rtype, var.sibling, var.pointer, var.sure)
            )
        name = ensure(self.build, unit, group, typed)
        arguments = "".join(f", {one}" for var in typed for one in var.names)
        self.out.at = at
        self.out.line(f"{name}(_r{arguments})")

    def _agreed(self, var: Var, declared: str | None) -> str | None:
        if declared is None or var.type is None or declared == var.type:
            return declared or var.type
        return var.type if self.model.is_a(var.type, declared) else declared

    # -- what both sides need

    def variable(self, name: str, scope: Scope, at: Place) -> Var | None:
        """The variable of that name; an issue and None where there is none."""
        found = scope.get(name)
        if found is None:
            self.build.findings.add("fml.unknown-variable", at, name=name, hint=self.near(name, scope))
        return found

    def as_value(self, var: Var) -> Value:
        if var.mode == "constant":
            if var.py.startswith("_once("):
                return Value(var.py, None, "pairs")
            return Value(var.py, var.type, sure=True)
        if var.slot:
            return Value(f"{var.py}.get()", var.type)
        return Value(var.py, var.type, "one", var.sure, var.rtype, var.sibling, fresh=False)

    def param(self, param: Param, context: Var | None, scope: Scope) -> Value | None:
        """The value of a parameter."""
        if param.kind == "literal":
            return literal(param.value)
        if param.kind == "variable":
            name = str(param.value)
            var = self.variable(name, scope, param.at)
            return self.as_value(var) if var is not None else None
        return self.expression(str(param.value), param.at, context, scope)

    def expression(self, text: str, at: Place, context: Var | None, scope: Scope) -> Value | None:
        """The value of a FHIRPath expression."""
        tree = self.paths.read(text, at, scope)
        if tree is None:
            return None
        self.note_reads(tree, context, scope)
        self.paths.at = at
        if context is None:
            self.check_names(tree, at, scope)
        return self.paths.values(tree, context, scope)

    def where(self, at: Place | None) -> str:
        return self.build.constant(str(at or self.group.at), "W")


def ensure(build: Build, unit: Unit, group: Group, args: list[Var]) -> str:
    """The name of the function of `group` for arguments of these kinds; it is written later if it is new."""
    signature: Signature = tuple(
        (one.mode, one.type, one.slot, one.rtype is not None, one.sibling is not None) for one in args
    )
    key = (id(group), unit.map.url, signature)
    if key not in build.made:
        name = build.name("g_" + "".join(char if char.isalnum() else "_" for char in group.name) + "_")
        build.made[key] = name
        formal = [
            Var(
                one.name,
                one.mode,
                f"{one.mode[0]}{index}",
                one.type,
                one.slot,
                f"t{index}" if one.rtype is not None else None,
                f"x{index}" if one.sibling is not None else None,
                f"p{index}" if one.pointer is not None else None,
                one.sure,
            )
            for index, one in enumerate(args)
        ]
        for index, one in enumerate(formal):
            # The names that the call passes must be as many as the names that the function takes.
            assert len(one.names) == len(args[index].names), one
        build.todo.append((name, unit, group, formal))
    return build.made[key]


def _shares(rules: tuple[Rule, ...]) -> bool:
    return any(target.share for rule in rules for target in rule.targets) or any(_shares(one.rules) for one in rules)


def _circular(linker: Linker, unit: Unit, group: Group, start: Group) -> bool:
    seen = {id(start)}
    while True:
        if id(group) in seen:
            return True
        seen.add(id(group))
        below = linker.replaced.get(id(group)) if group.extends == group.name else None
        if group.extends is None or (below is None and group.extends not in unit.groups):
            return False
        unit, group = below or unit.groups[group.extends]
