"""The target side of a rule: what is created and where it goes.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8, https://hl7.org/fhir/R4/valueset-map-target-list-mode.html
"""

from collections.abc import Callable
from dataclasses import replace

from service.mapping.emit_source import SourceWriter
from service.mapping.linker import Unit, near
from service.mapping.model import Group, Param, Place, Rule, Target
from service.mapping.runtime import choose
from service.mapping.scope import Scope, Value, Var
from service.mapping.shapes import OPEN, PRIMITIVES, STRINGS, Element, shown
from service.mapping.transforms import SIGNATURES

_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "integer64", "decimal"})
# What the transforms are called in the generated code.
_PYTHON = {
    "truncate": "truncate",
    "append": "append",
    "escape": "escape_text",
    "cast": "cast",
    "uuid": "uuid",
    "c": "coding",
    "cc": "concept",
    "qty": "quantity",
    "id": "identifier",
    "cp": "contact",
    "dateOp": "date_op",
}
_DATES = {"toDate": "date", "toDateTime": "dateTime", "toTime": "time"}
_UNIX = {"unixToDate": "date", "unixToDateTime": "dateTime", "unixToTime": "time"}
# Complex types that a single text or a smaller type stands for.
_WRAPS: dict[str, tuple[str, ...]] = {
    "Reference": ("string", "uri", "url", "canonical", "id"),
    "CodeableConcept": ("string", "markdown", "code", "Coding"),
    "Coding": ("code",),
    "Identifier": ("string",),
    "Quantity": ("decimal", "integer", "positiveInt", "unsignedInt"),
    "Annotation": ("string", "markdown"),
    "HumanName": ("string",),
    "Address": ("string",),
}


class TargetWriter(SourceWriter):
    """Writes targets; the group writer brings the rest."""

    group: Group
    param: Callable[[Param, Var | None, Scope], Value | None]
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

    def _created_type(self, target: Target) -> str | None:
        """The type that `create('Type')` names; None for no name, "" (and an issue) for an unknown one."""
        if target.transform is None or not target.params:
            return None
        param = target.params[0]
        if param.kind != "literal" or not isinstance(param.value, str):
            self.build.findings.add("fml.create-type", target.at, value=param.value)
            return ""
        found = self.build.linker.type_of(self.unit, param.value, param.at, target=True)
        return found or param.value

    def _empty(self, type_: str | None) -> str:
        if type_ and self.model.kind(type_) == "resource" and type_ not in OPEN:
            return f"{{'resourceType': {type_!r}}}"
        return "{}"

    # -- creating objects

    def _create(
        self,
        dest: Var,
        name: str,
        target: Target,
        type_: str | None,
        shared: bool,
        cleanup: list[str],
        bound: list[Var],
        rule: Rule,
    ) -> Var | None:
        """Writes the creation of `dest.name`; gives its variable."""
        parent, parent_type = self._parent(dest)
        element = self._element(parent_type, name, target.at)
        key = name
        if element is not None:
            chosen = self._choose(element, type_, target.at)
            if chosen is None:
                return None
            key, type_ = chosen
        if type_ in PRIMITIVES:
            many = element.many if element else False
            py = self.build.name("o")
            self.out.line(f"{py} = slot({parent}, {key!r}, {many})")
            cleanup.append(f"{py}.close()")
            return Var(name, "target", py, type_, slot=True)
        py = self.build.name("o")
        mode = target.list_modes[0] if target.list_modes and target.path[-1:] == (name,) else None
        if shared or mode in ("share", "single", "collate"):
            self._shared(py, parent, key, name, target, type_, element, cleanup, bound)
            return Var(name, "target", py, type_)
        if element is not None and not element.many and self._empty(type_) == "{}":
            self.out.line(f"{py} = {parent}.get({key!r})")
            self.out.line(f"if type({py}) is not dict: {py} = {parent}[{key!r}] = {{}}")
        else:
            self.out.line(f"{py} = {self._empty(type_)}")
            self._attach(parent, key, py, element, mode, rule, target.at, type_)
        self._note(Var(name, "target", parent), key, py, bound)
        cleanup.append(f"if not {py}: drop({parent}, {key!r}, {py})")
        return Var(name, "target", py, type_)

    def _shared(
        self,
        py: str,
        parent: str,
        key: str,
        name: str,
        target: Target,
        type_: str | None,
        element: Element | None,
        cleanup: list[str],
        bound: list[Var],
    ) -> None:
        out = self.out
        if target.share:
            # The parent is kept with its id, so that no other object can get the same one.
            mark = f"(id({parent}), {target.share!r})"
            out.line(f"{py} = _s.get({mark}, (None, None))[1]")
            kept, gone = f"_s[{mark}] = ({parent}, {py})", f"_s.pop({mark}, None); "
        else:
            out.line(f"{py} = next(iter(many({parent}.get({key!r}))), None)")
            kept, gone = "", ""
        out.open(f"if {py} is None:")
        out.line(f"{py} = {self._empty(type_)}")
        self._attach(parent, key, py, element, None, None, target.at, type_)
        if kept:
            out.line(kept)
        out.indent -= 1
        self._note(Var(name, "target", parent), key, py, bound)
        cleanup.append(f"if not {py}: {gone}drop({parent}, {key!r}, {py})")

    def _attach(
        self,
        parent: str,
        key: str,
        py: str,
        element: Element | None,
        mode: str | None,
        rule: Rule | None,
        at: Place,
        type_: str | None,
    ) -> None:
        if mode in ("first", "last") and (element is None or element.many):
            self.out.line(f"_r.{mode}({parent}, {key!r}, {py}, {self.where(rule.at if rule else at)})")
        elif element is None:
            self.out.line(f"loose({parent}, {key!r}, {py}, {type_!r})")
        elif not element.many:
            self.out.line(f"{parent}[{key!r}] = {py}")
        elif element.name in self.build.late:
            self.out.line(f"_r.between({parent}, {key!r}, {py})")
        else:
            self.out.line(f"{parent}.setdefault({key!r}, []).append({py})")

    def _parent(self, dest: Var) -> tuple[str, str | None]:
        """The object to put elements into: for a primitive what stands beside it."""
        if not dest.slot:
            return dest.py, dest.type
        py = self.build.name("o")
        self.out.line(f"{py} = {dest.py}.beside()")
        return py, "Element"

    def _element(self, type_: str | None, name: str, at: Place) -> Element | None:
        if type_ is None or self.model.kind(type_) is None:
            return None
        found = self.model.element(type_, name)
        if found is None and type_ not in OPEN and name != "resourceType":
            hint = near(name, self.model.names(type_))
            self.build.findings.add("fml.unknown-element", at, name=name, type=shown(type_), hint=hint)
        return found

    def _choose(self, element: Element, type_: str | None, at: Place) -> tuple[str, str] | None:
        """The key and type of what is created in an element; an issue and None where it cannot be said."""
        if type_ is None:
            if element.type is not None and element.type not in OPEN - {"Element", "BackboneElement"}:
                return element.key, element.type
            types = ", ".join(shown(one) for _, one in element.choices[:8])
            self.build.findings.add("fml.needs-create", at, name=element.name, types=types)
            return None
        for key, one in element.choices:
            if one == type_ or self.model.is_a(type_, one) or (one in OPEN and one != "Element"):
                return key, type_
        if element.type is not None and self.model.kind(type_) is None:
            return element.key, element.type
        if element.type is not None and type_.rpartition(".")[2] == element.name and "." in type_:
            return element.key, element.type
        types = ", ".join(shown(one) for _, one in element.choices[:8])
        self.build.findings.add("fml.wrong-type", at, name=element.name, type=shown(type_), types=types)
        return None

    # -- assigning values

    def _assign(self, dest: Var, name: str, value: Value, target: Target, bound: list[Var], rule: Rule) -> Var | None:
        if dest.slot and name == "value":
            py, _, sibling = self._plain(value, target, bound)
            self.out.open(f"if {py} is not None or {sibling} is not None:")
            self.out.line(f"{dest.py}.set({py}, {sibling})")
            self.out.line(
                f"note_slot(_r, {dest.py}, {self._rule(rule)}, {self._pointers(bound)})"
                if self.build.traced
                else "pass"
            )
            self.out.indent -= 1
            return dest
        parent, parent_type = self._parent(dest)
        element = self._element(parent_type, name, target.at)
        start = self.out.indent
        if value.form == "pairs" and (element is None or element.many):
            py, kind = self.build.name("v"), self.build.name("t")
            self.out.open(f"for {py}, {kind} in {value.py}:")
            value = Value(py, value.type, "one", True, None if value.type else kind, fresh=value.fresh)
        py, kind, sibling = self._plain(value, target, bound)
        if not (value.sure and value.form == "one"):
            self.out.open(f"if {py} is not None" + (f" or {sibling}:" if sibling != "None" else ":"))
        key, type_, types = self._key(element, value, name, py, kind, target, bound)
        if types is None:
            final = self._fitted(py, value, type_, target, bound)
        else:
            where = self.where(target.at)
            final = f"fit(_r, {where}, {self._pointer_of(bound)}, {py}, {kind}, {types}[{key}])"
        if final is None:
            self.out.indent = start
            return None
        var = self._put(parent, key, final, sibling, element, type_, kind, target, bound, rule)
        if var is not None and not var.slot and value.type and not value.rtype and var.type in (None, *OPEN):
            var = replace(var, type=value.type)
        self.out.indent = start
        return var

    def _plain(self, value: Value, target: Target, bound: list[Var]) -> tuple[str, str, str]:
        """Python names of the value, its type and what stands beside it, each evaluated once."""
        if value.form == "pairs":
            py, kind = self.build.name("v"), self.build.name("t")
            self.out.line(f"{py}, {kind} = single(_r, {self.where(target.at)}, {self._pointer_of(bound)}, {value.py})")
            return py, kind if value.type is None else repr(value.type), "None"
        py = value.py
        if not (py.isidentifier() or value.literal is not None):
            py = self.build.name("v")
            self.out.line(f"{py} = {value.py}")
        return py, value.rtype or repr(value.type), value.sibling or "None"

    def _key(
        self, element: Element | None, value: Value, name: str, py: str, kind: str, target: Target, bound: list[Var]
    ) -> tuple[str, str | None, str | None]:
        """The key (as Python) and type of the element that the value goes into; types by key where it shows later."""
        if element is None:
            return repr(name), None, None
        if not element.is_choice:
            return repr(element.key), element.type, None
        if value.type is not None and not value.rtype:
            example = value.literal if value.literal is not None else _EXAMPLES.get(value.type, {})
            key = choose(element.choices, example, value.type)
            if key is not None:
                return repr(key), dict(element.choices)[key], None
            types = ", ".join(shown(one) for _, one in element.choices[:8])
            self.build.findings.add("fml.wrong-type", target.at, name=name, type=shown(value.type), types=types)
        py_key = self.build.name("k")
        choices = self.build.constant(element.choices)
        self.out.line(f"{py_key} = choose({choices}, {py}, {kind})")
        self.out.open(f"if {py_key} is None:")
        self.out.line(
            f"_r.fail('fml.no-choice', {self.where(target.at)}, {self._pointer_of(bound)}, name={name!r}, type={kind})"
        )
        self.out.indent -= 1
        return py_key, None, self.build.constant(dict(element.choices))

    def _fitted(self, py: str, value: Value, type_: str | None, target: Target, bound: list[Var]) -> str | None:
        """The value as the element's type wants it; an issue and None where it can never fit."""
        if type_ is None or type_ in OPEN:
            return py if value.fresh else self._copied(py, value.type if not value.rtype else None)
        have = value.type if not value.rtype else None
        if have == type_ or (have is not None and self.model.is_a(have, type_)):
            return py if value.fresh else self._copied(py, have)
        if have is not None and _class(have) == _class(type_) and type_ in PRIMITIVES:
            return f"{py}[:10]" if type_ == "date" and have in ("dateTime", "instant") else py
        known = have is not None and self.model.kind(have) is not None
        if known and not self._fits(have or "", type_):
            self.build.findings.add("fml.type-mismatch", target.at, have=shown(have), wanted=shown(type_))
            return None
        return f"fit(_r, {self.where(target.at)}, {self._pointer_of(bound)}, {py}, {have!r}, {type_!r})"

    def _fits(self, have: str, type_: str) -> bool:
        """Whether a value of one known type can become one of another."""
        if type_ in PRIMITIVES:
            return have in PRIMITIVES
        if have in _WRAPS.get(type_, ()) or type_.startswith("@"):
            return True
        return have not in PRIMITIVES and ("." in have or have in OPEN or have.startswith("@"))

    def _copied(self, py: str, type_: str | None) -> str:
        return py if type_ in PRIMITIVES else f"clone({py})"

    def _put(
        self,
        parent: str,
        key: str,
        py: str,
        sibling: str,
        element: Element | None,
        type_: str | None,
        kind: str,
        target: Target,
        bound: list[Var],
        rule: Rule,
    ) -> Var | None:
        out = self.out
        mode = target.list_modes[0] if target.list_modes else None
        where = self.where(rule.at)
        many = element is not None and element.many
        held = py
        if target.variable and not py.isidentifier():
            held = self.build.name("v")
            out.line(f"{held} = {py}")
        index: str | None = None
        if mode in ("first", "last") and (many or element is None):
            out.line(f"_r.{mode}({parent}, {key}, {held}, {where})")
            index = "-1" if mode == "last" else "0"
        elif element is None:
            out.line(f"loose({parent}, {key}, {held}, {kind})")
        elif not many or mode in ("single", "collate"):
            guard = f"if {held} is not None: " if sibling != "None" and not many else ""
            out.line(f"{guard}{parent}[{key}] = {f'[{held}]' if many else held}")
        elif element.name in self.build.late:
            out.line(f"_r.between({parent}, {key}, {held})")
        else:
            out.line(f"{parent}.setdefault({key}, []).append({held})")
        if many and type_ in PRIMITIVES and element is not None and element.siblings:
            out.line(f"if '_' + {key} in {parent}: level({parent}, {key})")
        if sibling != "None":
            out.line(f"if {sibling}: beside({parent}, {key}, {sibling}, {many})")
        self._note_key(parent, key, held, bound, rule)
        if target.variable is None:
            return None
        slot = self.build.name("o")
        if type_ in PRIMITIVES or (type_ is None and element is not None):
            out.line(
                f"{slot} = Slot({parent}, {key}, {f'len({parent}[{key}]) - 1' if many and index is None else index})"
            )
            return Var(target.variable, "target", slot, type_, slot=True)
        return Var(target.variable, "target", held, type_)

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

    # -- transforms

    def transform(self, target: Target, scope: Scope) -> Value | None:
        """The value of the target's transform; an issue and None where it is wrong."""
        name = target.transform or ""
        signature = SIGNATURES.get(name)
        if signature is None:
            self.build.findings.add("fml.unknown-transform", target.at, name=name, hint=near(name, SIGNATURES))
            return None
        count = len(target.params)
        if count < signature.least or (signature.most is not None and count > signature.most):
            expected = (
                str(signature.least)
                if signature.least == signature.most
                else (f"{signature.least}–{signature.most or 'n'}")
            )
            self.build.findings.add("fml.transform-arity", target.at, name=name, expected=expected, count=count)
            return None
        if name == "evaluate":
            return self._evaluate(target, scope)
        if name == "translate":
            return self._translate(target, scope)
        if name in ("reference", "pointer"):
            return self._reference(name, target, scope)
        values = [self.param(one, None, scope) for one in target.params]
        if any(one is None for one in values):
            return None
        given = [one for one in values if one is not None]
        if name == "copy":
            return given[0]
        type_ = signature.result
        if name == "cast":
            return self._cast(target, given)
        if name == "append" and all(_is_text(one) for one in given):
            return Value("(" + " + ".join(one.py for one in given) + " or None)", type_)
        if name in ("c", "cc") and len(given) > 1 and all(_is_text(one) for one in given):
            return Value(_coding(name, given), type_)
        arguments = "".join(f", {self._argument_py(one, target)}" for one in given)
        where = self.where(target.at)
        if name in _DATES or name in _UNIX:
            function, kind = ("parsed", _DATES[name]) if name in _DATES else ("unix", _UNIX[name])
            return Value(f"{function}(_r, {where}, {self._pointer_of(self.bound)}, {kind!r}{arguments})", type_)
        if name == "dateOp":
            type_ = {0: "instant", 3: "string"}.get(count, "dateTime")
        return Value(f"{_PYTHON[name]}(_r, {where}, {self._pointer_of(self.bound)}{arguments})", type_)

    def _argument_py(self, value: Value, target: Target) -> str:
        if value.form == "pairs":
            return f"single(_r, {self.where(target.at)}, {self._pointer_of(self.bound)}, {value.py})[0]"
        return value.py

    def _cast(self, target: Target, given: list[Value]) -> Value | None:
        if len(given) == 1:
            return replace(given[0], type=None, rtype="None")
        type_ = given[1].literal
        resolved = self.build.linker.type_of(self.unit, type_, target.at) if isinstance(type_, str) else None
        if resolved not in PRIMITIVES:
            self.build.findings.add("fml.cast-type", target.at, type=type_ or given[1].py)
            return None
        value = self._argument_py(given[0], target)
        return Value(
            f"cast(_r, {self.where(target.at)}, {self._pointer_of(self.bound)}, {value}, {resolved!r})", resolved
        )

    def _evaluate(self, target: Target, scope: Scope) -> Value | None:
        *first, last = target.params
        context = None
        if first:
            context = self.variable(str(first[0].value), scope, target.at) if first[0].kind == "variable" else None
            if context is None:
                return None
        text = str(last.value)
        if last.kind == "literal" and not (first and isinstance(last.value, str)):
            return self.param(last, context, scope)
        if context is not None and context.slot:
            context = self._from(context)
        return self.expression(text, last.at, context, scope)

    def _reference(self, name: str, target: Target, scope: Scope) -> Value | None:
        param = target.params[0]
        value = self.param(param, None, scope)
        if value is None:
            return None
        py = self._argument_py(value, target)
        var = scope.get(str(param.value)) if param.kind == "variable" else None
        if var is not None and var.mode == "target" and not var.slot:
            py = f"identified(_r, {py})"
        function = "reference" if name == "reference" else "pointer_"
        return Value(
            f"{function}(_r, {self.where(target.at)}, {self._pointer_of(self.bound)}, {py})", SIGNATURES[name].result
        )

    def _translate(self, target: Target, scope: Scope) -> Value | None:
        value = self.param(target.params[0], None, scope)
        url = target.params[1].value if target.params[1].kind == "literal" else None
        output = target.params[2].value if len(target.params) > 2 else None
        if value is None:
            return None
        if not isinstance(url, str) or not isinstance(output, str | None):
            self.build.findings.add("fml.translate-literal", target.at)
            return None
        if output is not None and output not in _OUTPUTS:
            self.build.findings.add("fml.translate-output", target.at, value=output, known=", ".join(_OUTPUTS))
            return None
        table = self.build.linker.conceptmap(self.unit, url)
        if table is None:
            hint = near(url, self.build.linker.conceptmap_names(self.unit))
            self.build.findings.add("fml.unknown-conceptmap", target.at, url=url, hint=hint)
            return None
        if output is None:
            output = "code" if value.type is None or value.type in PRIMITIVES else "Coding"
        name = self.build.constant(table, "T")
        py = self._argument_py(value, target)
        arguments = f"_r, {self.where(target.at)}, {self._pointer_of(self.bound)}, {py}, {name}, {output!r}"
        type_ = _OUTPUTS[output]
        if output == "code" and _is_text(value):
            codes = self.build.constant({code: one.code for code, one in table.codes.items()})
            return Value(f"({codes}.get({py}) or translate({arguments}))", type_)
        return Value(f"translate({arguments})", type_)

    # -- traces

    def _pointer_of(self, bound: list[Var]) -> str:
        return next((one.pointer for one in bound if one.pointer), "None")

    def _pointers(self, bound: list[Var]) -> str:
        names = [one.pointer for one in bound if one.pointer] + [f"*{one}" for one in self.touched]
        return "(" + "".join(f"{one}, " for one in names) + ")"

    def _rule(self, rule: Rule | None) -> str:
        at = rule.at if rule else self.group.at
        return self.build.constant((str(at), rule.name if rule else "", self.group.name), "R")

    def _note(self, dest: Var, key: str | None, py: str | None, bound: list[Var], rule: Rule | None = None) -> None:
        if self.build.traced:
            self._write_note(dest.py, repr(key), py or "None", bound, rule)

    def _note_key(self, parent: str, key: str, py: str, bound: list[Var], rule: Rule) -> None:
        if self.build.traced:
            self._write_note(parent, key, py, bound, rule)

    def _write_note(self, parent: str, key: str, py: str, bound: list[Var], rule: Rule | None) -> None:
        rule = rule or self.current
        at = self.out.at or self.group.at
        mark = self.build.constant((str(at), rule.name if rule else "", self.group.name), "R")
        self.out.line(f"note(_r, {parent}, {key}, {py}, {mark}, {self._pointers(bound)})")

    current: Rule | None = None
    bound: list[Var]


_OUTPUTS = {
    "code": "code",
    "system": "uri",
    "display": "string",
    "uri": "uri",
    "Coding": "Coding",
    "coding": "Coding",
    "CodeableConcept": "CodeableConcept",
    "codeableConcept": "CodeableConcept",
}
_EXAMPLES: dict[str, object] = {
    "boolean": True,
    **dict.fromkeys(_NUMBERS, 1),
    **dict.fromkeys(STRINGS, ""),
}


def _is_text(value: Value) -> bool:
    """Whether a value is certainly a text, so that it can be joined as it is."""
    return value.form == "one" and value.sure and value.type in STRINGS and value.rtype is None


def _coding(name: str, given: list[Value]) -> str:
    """A Coding or CodeableConcept of certain texts, none of which may be empty."""
    keys = ("system", "code", "display")
    made = "{" + ", ".join(f"{key!r}: {one.py}" for key, one in zip(keys, given, strict=False)) + "}"
    made = made if name == "c" else f"{{'coding': [{made}]}}"
    there = [one.py for one in given if one.literal is None]
    function = "coding" if name == "c" else "concept"
    if any(one.literal == "" for one in given) or not there:
        return f"{function}(_r, '', None, {', '.join(one.py for one in given)})"
    return f"({made} if {' and '.join(there)} else {function}(_r, '', None, {', '.join(one.py for one in given)}))"


def _class(type_: str) -> str:
    if type_ in STRINGS:
        return "text"
    return "number" if type_ in _NUMBERS else type_
