"""The value of a target: the transforms of a rule as Python expressions.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.8.1, https://hl7.org/fhir/R4/valueset-map-transform.html
"""

from collections.abc import Callable
from dataclasses import replace

from service.mapping.emit_note import NoteWriter
from service.mapping.linker import near
from service.mapping.model import Param, Target
from service.mapping.scope import Scope, Value, Var
from service.mapping.shapes import PRIMITIVES, STRINGS
from service.mapping.transforms import LEXICAL, SIGNATURES

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


class TransformWriter(NoteWriter):
    """Writes the values of targets; the group writer brings the parameters."""

    param: Callable[[Param, Var | None, Scope], Value | None]

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
        if _is_text(given[0]) and resolved in STRINGS and resolved not in LEXICAL:
            return Value(given[0].py, resolved, sure=True)
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
        if type_ in ("Coding", "CodeableConcept") and _is_text(value) and py.isidentifier():
            codings = self.build.constant(table.codings)
            made = f"{{**{codings}[{py}]}}" if type_ == "Coding" else f"{{'coding': [{{**{codings}[{py}]}}]}}"
            return Value(f"({made} if {py} in {codings} else translate({arguments}))", type_)
        return Value(f"translate({arguments})", type_)


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
    if not there and all(one.literal for one in given):
        return made
    if any(one.literal == "" for one in given) or not there:
        return f"{function}(_r, '', None, {', '.join(one.py for one in given)})"
    return f"({made} if {' and '.join(there)} else {function}(_r, '', None, {', '.join(one.py for one in given)}))"
