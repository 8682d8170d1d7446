"""The trace: what is written down of every element that a rule makes, in the traced form of the program."""

from service.mapping.emit_source import SourceWriter
from service.mapping.model import Group, Rule
from service.mapping.scope import Var


class NoteWriter(SourceWriter):
    """Writes notes of what came from where; nothing in the fast form."""

    group: Group
    current: Rule | None = None
    bound: list[Var]

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
