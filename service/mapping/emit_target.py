"""The target side of a rule: what is created and where it goes.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8, https://hl7.org/fhir/R4/valueset-map-target-list-mode.html
"""

from collections.abc import Callable
from dataclasses import replace

from service.mapping.emit_assign import AssignWriter
from service.mapping.linker import Unit
from service.mapping.model import Group, Rule, Target
from service.mapping.scope import Scope, Value, Var
from service.mapping.shapes import OPEN, PRIMITIVES, Element, shown


class TargetWriter(AssignWriter):
    """Writes targets; the group writer brings the rest."""

    invoke: Callable[..., None]

    # -- one target

    def target(self, rule: Rule, target: Target, scope: Scope, bound: list[Var], cleanup: list[str]) -> None:
        """Writes one target, and puts its variable into `scope`."""
        self.out.at = target.at
        self.bound, self.current, self.touched = bound, rule, []
        if target.context is None:
            self._loose(target, scope, bound)
        else:
            dest = self._destination(target, scope)
            if dest is not None and not target.path:
                self._whole(dest, target, scope, bound)
            elif dest is not None:
                var = self._filled(dest, rule, target, scope, bound, cleanup)
                if target.variable and var is not None:
                    scope[target.variable] = replace(var, name=target.variable)
        if target.variable and target.variable not in scope:
            # Something was wrong and has been said: the rules that use the variable shall not be blamed as well.
            scope[target.variable] = Var(target.variable, "target", "None")

    def _filled(
        self, dest: Var, rule: Rule, target: Target, scope: Scope, bound: list[Var], cleanup: list[str]
    ) -> Var | None:
        for step in target.path[:-1]:
            made = self._create(dest, step, target, None, False, cleanup, bound, rule)
            if made is None:
                return None
            dest = made
        name = target.path[-1]
        if target.transform in (None, "create"):
            type_ = self._created_type(target)
            if type_ == "":
                return None
            return self._create(dest, name, target, type_, target.share is not None, cleanup, bound, rule)
        value = self.transform(target, scope)
        if value is None:
            return None
        if target.transform == "copy" and value.type and not value.fresh:
            self._use_copied(value, bound)
        return self._assign(dest, name, value, target, bound, rule)

    def _use_copied(self, value: Value, bound: list[Var]) -> None:
        self.use_all(value.type)
        if self.build.traced:
            for var in bound:
                if var.py == value.py and var.pointer:
                    self.out.line(f"whole(_r, {var.pointer})")

    def _destination(self, target: Target, scope: Scope) -> Var | None:
        found = self.variable(target.context or "", scope, target.at)
        if found is not None and found.mode != "target":
            self.build.findings.add("fml.source-as-target", target.at, name=found.name)
            return None
        return found

    def _loose(self, target: Target, scope: Scope, bound: list[Var]) -> None:
        """A target without a context: it only makes a variable."""
        if target.variable is None:
            self.build.findings.add("fml.no-variable", target.at, transform=target.transform)
            return
        if target.transform == "create":
            type_ = self._created_type(target)
            if type_:
                py = self.build.name("o")
                self.out.line(f"{py} = {self._empty(type_)}")
                scope[target.variable] = Var(target.variable, "target", py, type_)
            return
        value = self.transform(target, scope)
        if value is None:
            return
        py = self.build.name("v")
        if value.form == "pairs":
            self.out.line(f"{py}, {py}t = single(_r, {self.where(target.at)}, {self._pointer_of(bound)}, {value.py})")
            scope[target.variable] = Var(target.variable, "source", py, None, rtype=f"{py}t", sure=False)
        else:
            self.out.line(f"{py} = {value.py}")
            scope[target.variable] = Var(target.variable, "source", py, value.type, sure=value.sure)
        pointer = self._pointer(self._pointer_of(bound))
        scope[target.variable] = replace(scope[target.variable], pointer=pointer)

    def _whole(self, dest: Var, target: Target, scope: Scope, bound: list[Var]) -> None:
        """A target without an element: another name for the variable, or a value for all of it."""
        if target.transform is not None and target.transform != "create":
            value = self.transform(target, scope)
            if value is not None:
                py, _, sibling = self._plain(value, target, bound)
                self.out.open(f"if {py} is not None:")
                self.out.line(f"{dest.py}.set({py}, {sibling})" if dest.slot else f"{dest.py}.update(clone({py}))")
                self._note(dest, None, None, bound)
                self.out.indent -= 1
        if target.variable:
            scope[target.variable] = replace(dest, name=target.variable)

    # -- `a.b -> c.d;`

    def simple(self, rule: Rule, var: Var, scope: Scope) -> None:
        """The types say what happens: a default group where there is one, else a copy."""
        target = rule.targets[0]
        self.out.at = target.at
        self.bound, self.current, self.touched = [var], rule, []
        dest = self._destination(target, scope)
        if dest is None:
            return
        cleanup: list[str] = []
        for step in target.path[:-1]:
            made = self._create(dest, step, target, None, False, cleanup, [var], rule)
            if made is None:
                return
            dest = made
        if not target.path:
            self._simple_whole(rule, var, dest)
            return
        name = target.path[-1]
        element = self._peek(dest, name)
        found = self._default_group(var, element)
        if found is not None:
            unit, group, type_ = found
            made = self._create(dest, name, target, type_, bool(target.share), cleanup, [var], rule)
            if made is not None:
                self.invoke(unit, group, [var, made], target.at)
                if target.variable:
                    scope[target.variable] = replace(made, name=target.variable)
        else:
            value = self.as_value(var)
            if not self._check_copy(value, element, target):
                return
            self.use_all(var.type)
            if self.build.traced and var.pointer:
                self.out.line(f"whole(_r, {var.pointer})")
            copied = self._assign(dest, name, value, target, [var], rule)
            if target.variable and copied is not None:
                scope[target.variable] = replace(copied, name=target.variable)
        for line in reversed(cleanup):
            self.out.line(line)

    def _peek(self, dest: Var, name: str) -> Element | None:
        type_ = "Element" if dest.slot else dest.type
        return self.model.element(type_, name) if type_ else None

    def _default_group(self, var: Var, element: Element | None) -> tuple[Unit, Group, str] | None:
        """The default group for a source variable and a target element, with the type to create."""
        if var.type is None:
            return None
        targets = [one for _, one in element.choices] if element else []
        if len(targets) == 1:
            found = self.unit.defaults.get((var.type, targets[0]))
            if found is not None:
                return found[0], found[1], targets[0]
        plus = self.unit.by_source.get(var.type)
        if plus is not None and (element is None or len(targets) > 1 or targets[0] in OPEN):
            unit, group = plus
            type_ = self.build.linker.type_of(unit, group.inputs[1].type, group.inputs[1].at)
            if type_ is not None and (not targets or type_ in targets or targets[0] in OPEN):
                return unit, group, type_
        return None

    def _check_copy(self, value: Value, element: Element | None, target: Target) -> bool:
        """Whether a value can be copied as it is; an issue where it cannot."""
        have, wanted = value.type, element.type if element else None
        if have is None or wanted is None or have == wanted or have in PRIMITIVES or wanted in PRIMITIVES:
            return True
        kinds = self.model.kind(have), self.model.kind(wanted)
        if None not in kinds and not self.model.is_a(have, wanted) and wanted not in OPEN and have not in OPEN:
            self.build.findings.add("fml.no-default-group", target.at, have=shown(have), wanted=shown(wanted))
            return False
        return True

    def _simple_whole(self, rule: Rule, var: Var, dest: Var) -> None:
        found = self.unit.defaults.get((var.type or "", dest.type or ""))
        if found is not None and found[1] is not self.group:
            self.invoke(found[0], found[1], [var, dest], rule.at)
            return
        self.use_all(var.type)
        if dest.slot:
            self.out.line(f"{dest.py}.set({var.py}, {var.sibling})")
        else:
            self.out.line(f"overlay({dest.py}, {var.py})")
        if self.build.traced and var.pointer:
            self.out.line(f"whole(_r, {var.pointer})")
            self._note(dest, None, None, [var], rule)
