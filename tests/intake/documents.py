"""Makes valid source documents of every kind, along the schema: a new field takes part at once.

`documents()` is a hypothesis strategy; `make(random.Random(1), kind)` the same for a benchmark. What the rules ask
beyond the schema stands in `tests/intake/repairs.py`, one function for each object.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st

from service.intake import KINDS, Schema, base
from service.intake.shape import Shape

from . import repairs

LETTERS = "abcdefghijklmnopqrstuvwxyzåäöÅÄÖ0123456789 .,:;!?-–'\"&<>/\\{}[]()%$€°½éßшע中😀"
URIS = ("urn:oid:2.999.1", "https://esimerkki.example/a?b=c&d=1", "urn:uuid:0b4e8a3c-1111-4222-8333-123456789abc")
LANGUAGES = ("fi", "sv", "en", "so", "sme", "zh-Hans", "pt-BR")
PLACES = (("13", "297"), ("13", "140"), ("10", "285"), ("10", "075"))
START = date(2019, 1, 7)
RECORDED = "2030-01-07T12:00:00+02:00"
"""After everything else in a document."""


def documents(kind: str | None = None, model: str | None = None, schema: Schema | None = None) -> st.SearchStrategy:
    """Documents without an error; references inside them resolve, those to other documents may not.

    Drawn by seed: a document has hundreds of choices, and a failure names the seed that makes it again.
    """
    kinds = st.just(kind) if kind else st.sampled_from(KINDS)
    seeds = st.integers(0, 2**32 - 1)
    return st.builds(lambda seed, one: make(Random(seed), one, model=model, schema=schema), seeds, kinds)


def make(rnd: Random, kind: str, *, model: str | None = None, schema: Schema | None = None) -> dict[str, Any]:
    """One document; the same `rnd` gives the same document."""
    maker = Maker(rnd, model or rnd.choice(("yhdessa-tiimi", "yhdessa-aika")))
    return maker.document((schema or base()).shapes[kind], kind)


class Maker:
    """One document in the making: what has been named so far, and how full it shall be."""

    def __init__(self, rnd: Random, model: str) -> None:
        self.rnd = rnd
        self.model = model
        self.full = rnd.choice((0.1, 0.4, 0.8))
        self.count = 0
        self.depth = 0
        self.ids: dict[str, list[str]] = {}

    def document(self, shape: Shape, kind: str) -> dict[str, Any]:
        self.root = shape
        some = {"meeting": 1, "careTeam": 1, "plan": 1} if kind != "case" else self._mixture()
        own = {"meeting": "meeting", "care-team": "careTeam", "shared-plan": "plan"}.get(kind)
        for name, most in (("child", 3), ("guardian", 2), ("other", 2), ("professional", 4), ("organisation", 3)):
            self.ids[name] = [f"{name}-{number}" for number in range(1, 1 + self.rnd.randint(1, most))]
        for name, number in some.items():
            here = kind == "case" or name == own
            self.ids[name] = [f"{name}-{one}" if here else f"elsewhere-{one}" for one in range(1, 1 + number)]
        out = self.object(shape)
        for name, plural in (("meeting", "meetings"), ("careTeam", "careTeams"), ("plan", "plans")):
            if kind == "case" and not some[name]:
                out.pop(plural, None)
            elif kind == "case" and plural not in out:
                out[plural] = self.value(shape.fields[plural].shape, plural)
        county, municipality = self.rnd.choice(PLACES)
        out |= {"kind": kind, "model": self.model, "recorded": RECORDED, "municipality": municipality}
        if "county" in out:
            out["county"] = county
        return repairs.document(self, out)

    def _mixture(self) -> dict[str, int]:
        some = {"meeting": self.rnd.randint(0, 2), "careTeam": self.rnd.randint(0, 2), "plan": self.rnd.randint(0, 2)}
        return some if any(some.values()) else {"meeting": 1, "careTeam": 0, "plan": 1}

    def object(self, shape: Shape) -> dict[str, Any]:
        names = dict(self.ids)
        self.depth += 1
        if shape.name == "plan":
            self.ids["need"] = [f"need-{number}" for number in range(1, 1 + self.rnd.randint(1, 3))]
        out: dict[str, Any] = {}
        for name, one in shape.fields.items():
            deep = name == "items" and self.depth > 5
            if one.required or (not deep and self.rnd.random() < self.full):
                self.put(out, name, one.shape)
        if not out:
            self.put(out, self.rnd.choice(list(shape.fields)), next(iter(shape.fields.values())).shape, first=shape)
        self.depth -= 1
        self.ids = names
        repair: Callable[[Maker, dict[str, Any]], None] | None = repairs.OBJECTS.get(shape.name)
        if repair and shape is not self.root:
            repair(self, out)
        return out

    def put(self, out: dict[str, Any], name: str, shape: Shape, first: Shape | None = None) -> None:
        value = self.value(first.fields[name].shape if first else shape, name)
        if value is not None and value != []:
            out[name] = value

    def value(self, shape: Shape, name: str) -> Any:
        if shape.items is not None:
            return self.entries(shape, name)
        if shape.type == "object":
            known = self.ids.get(shape.entity or "")
            return self.object(shape) | ({"id": known[0]} if known else {})
        if shape.reference:
            return self.reference(shape)
        if shape.enum:
            return self.rnd.choice(shape.enum)
        if shape.type == "boolean":
            return self.rnd.random() < 0.5
        if shape.type == "integer":
            return self.rnd.randint(1, 1000)
        if shape.type == "number":
            return Decimal(self.rnd.randint(-9999, 9999)) / self.rnd.choice((1, 10, 100))
        return self.string(shape, name)

    def entries(self, shape: Shape, name: str) -> list[Any]:
        items = shape.items
        assert items is not None
        if items.entity in self.ids:
            return [self.object(items) | {"id": local} for local in self.ids[items.entity]]
        most = min(shape.most or 3, 3)
        found = [self.value(items, name) for _ in range(self.rnd.randint(1, most))]
        if items.reference or items.enum:
            found = list(dict.fromkeys(one for one in found if one is not None))
        return found

    def reference(self, shape: Shape) -> str | None:
        known = [local for kind in shape.reference for local in self.ids.get(kind, ())]
        if not known and set(shape.reference) & {"meeting", "careTeam", "plan"}:
            return "elsewhere-9"
        return self.rnd.choice(known) if known else None

    def string(self, shape: Shape, name: str) -> str:
        special: dict[str, Callable[[], str]] = {
            "date": self.day,
            "dateTime": self.time,
            "localId": self.local,
            "uri": lambda: self.rnd.choice(URIS),
            "oid": lambda: f"2.999.{self.rnd.randint(0, 99999)}",
            "language": lambda: self.rnd.choice(LANGUAGES),
            "municipalityCode": lambda: self.rnd.choice(PLACES)[1],
            "text": lambda: self.text("\n\t"),
        }
        named: dict[str, Callable[[], str]] = {
            "county": lambda: "13",
            "postalCode": lambda: f"{self.rnd.randint(0, 99999):05}",
            "country": lambda: self.rnd.choice(("FI", "SE")),
            "terhikki": lambda: f"{self.serial():011}",
            "sv": lambda: f"{self.serial():06}",
            "businessId": lambda: "9999999-2",
            "nationalCode": lambda: self.rnd.choice(("FI", "SV", "98")),
            "hetu": lambda: "300619B9358",
        }
        return (named.get(name) or special.get(shape.special) or self.text)()

    def serial(self) -> int:
        self.count += 1
        return self.count

    def local(self) -> str:
        return f"{self.rnd.choice(('a', 'B.', 'c-', 'D_'))}{self.serial()}"

    def text(self, more: str = "") -> str:
        inner = "".join(self.rnd.choices(LETTERS + more, k=self.rnd.randint(0, 12)))
        return f"{self.rnd.choice('xyzåÄ9')}{inner}{self.rnd.choice('.!a')}"

    def day(self) -> str:
        return str(START + timedelta(days=self.rnd.randint(0, 2500)))

    def time(self) -> str:
        """Hours that exist once on every day of the year, with or without seconds, fraction and offset."""
        hour, minute = self.rnd.randint(5, 22), self.rnd.randint(0, 59)
        text = f"{self.day()}T{hour:02}:{minute:02}"
        if self.rnd.random() < 0.4:
            text += f":{self.rnd.randint(0, 59):02}" + self.rnd.choice(("", "", ".5", ".120", ".000001"))
        return text + self.rnd.choice(("", "", "Z", "+02:00", "+03:00", "-05:00"))

    def after(self, text: str) -> str:
        """A day or time that is not before `text`."""
        if len(text) == 10:
            return str(date.fromisoformat(text) + timedelta(days=self.rnd.randint(0, 400)))
        start = datetime.fromisoformat(text[:10]) + timedelta(days=self.rnd.randint(2, 400))
        return f"{start.date()}T{self.rnd.randint(5, 22):02}:00"
