"""The report of a batch, for programs and for people. It has no times, so that two runs of the same have the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from service.export.partition import Reject

MOST = 10_000
"""Rejects told one by one; all of them stand in `rejects/`."""
_MOST_TEXT = 200
_WORDS = {
    "fi": ("Asiakirjoja", "Muunnettu", "Hylätty", "Löydökset", "Hylätyt", "Tekemättä", "loput: report.json, rejects/"),
    "sv": ("Dokument", "Omvandlade", "Avvisade", "Fynd", "Avvisade", "Inte gjort", "resten: report.json, rejects/"),
    "en": ("Documents", "Converted", "Rejected", "Findings", "Rejected", "Not done", "the rest: report.json, rejects/"),
}


@dataclass(slots=True)
class Report:
    """What came of a batch so far; `found` counts issues by severity and key."""

    complete: bool = True
    documents: int = 0
    converted: int = 0
    found: dict[str, Counter[str]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        return self.documents - self.converted

    def add(
        self, documents: int, converted: int, found: Mapping[str, Mapping[str, int]], rejects: Sequence[Reject]
    ) -> None:
        """Another part."""
        self.documents += documents
        self.converted += converted
        for severity, keys in found.items():
            self.found.setdefault(severity, Counter()).update(keys)
        self.rejects += rejects[: MOST - len(self.rejects)]

    def json(self) -> bytes:
        """For programs."""
        row = {
            "complete": self.complete,
            "documents": self.documents,
            "converted": self.converted,
            "rejected": self.rejected,
            "found": {severity: dict(sorted(keys.items())) for severity, keys in sorted(self.found.items())},
            "rejects": [{name: getattr(one, name) for name in Reject.__struct_fields__} for one in self.rejects],
            "failures": self.failures,
        }
        return msgspec.json.format(msgspec.json.encode(row), indent=2) + b"\n"

    def text(self, language: str = "en") -> str:
        """For people."""
        documents, converted, rejected, findings, list_, failures, rest = _WORDS[language]
        counts = ((documents, self.documents), (converted, self.converted), (rejected, self.rejected))
        lines = [f"{name:<12}{count:>12,}".replace(",", " ") for name, count in counts]
        if self.found:
            rows = [(severity, *one) for severity, keys in sorted(self.found.items()) for one in keys.most_common()]
            lines += ["", findings, *(f"{count:>12}  {severity:<12} {key}" for severity, key, count in sorted(rows))]
        if self.failures:
            lines += ["", failures, *(f"  {one}" for one in self.failures)]
        if self.rejects:
            shown = self.rejects[:_MOST_TEXT]
            lines += ["", list_, *(f"  {one.file}:{one.line}: {one.text} [{one.key}]" for one in shown)]
            if self.rejected > len(shown):
                lines.append(f"  … {rest}")
        return "\n".join(lines) + "\n"
