"""What is created in the target: objects and slots of primitives, in the place that the list mode says.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8, https://hl7.org/fhir/R4/valueset-map-target-list-mode.html
"""

from service.mapping.emit_transform import TransformWriter
from service.mapping.linker import near
from service.mapping.model import Place, Rule, Target
from service.mapping.scope import Var
from service.mapping.shapes import OPEN, PRIMITIVES, Element, shown


class CreateWriter(TransformWriter):
    """Writes what makes new objects."""

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
