"""How a value gets into an element: under which key, in the form that the element's type wants, and where in a list.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8, https://hl7.org/fhir/R4/valueset-map-target-list-mode.html
"""

from dataclasses import replace

from service.mapping.choosing import choose
from service.mapping.emit_create import CreateWriter
from service.mapping.model import Rule, Target
from service.mapping.scope import Value, Var
from service.mapping.shapes import OPEN, PRIMITIVES, STRINGS, Element, shown

_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "integer64", "decimal"})
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
_EXAMPLES: dict[str, object] = {
    "boolean": True,
    **dict.fromkeys(_NUMBERS, 1),
    **dict.fromkeys(STRINGS, ""),
}


class AssignWriter(CreateWriter):
    """Writes what puts values into elements."""

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


def _class(type_: str) -> str:
    if type_ in STRINGS:
        return "text"
    return "number" if type_ in _NUMBERS else type_
