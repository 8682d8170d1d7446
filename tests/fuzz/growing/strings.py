"""What may grow in one text of a resource: narratives, and every kind of primitive."""

from collections.abc import Callable
from typing import Any

from tests.fuzz.growing.base import Growth
from tests.fuzz.growing.resources import XHTML, judged, patient


def text_in(element: str, text: str, end: str = "") -> Callable[[int], Any]:
    return lambda size: patient(**{element: text * size + end})


STRINGS = [
    Growth(
        "validate: narrative",
        500,
        judged(lambda n: patient(text={"status": "generated", "div": XHTML + "<p>x</p>" * n + "</div>"})),
    ),
    Growth(
        "validate: narrative, open tags",
        500,
        judged(lambda n: patient(text={"status": "generated", "div": XHTML + "<p>" * n})),
    ),
    Growth(
        "validate: narrative, nested",
        500,
        judged(lambda n: patient(text={"status": "generated", "div": XHTML + "<b>" * n + "</b>" * n + "</div>"})),
    ),
    Growth(
        "validate: narrative, attributes",
        500,
        judged(
            lambda n: patient(
                text={
                    "status": "generated",
                    "div": XHTML + "<p " + " ".join(f'a{i}="x"' for i in range(n)) + "/></div>",
                }
            )
        ),
    ),
    Growth(
        "validate: narrative, entities",
        500,
        judged(lambda n: patient(text={"status": "generated", "div": XHTML + "&nbsp;" * n + "</div>"})),
    ),
    Growth(
        "validate: narrative, angles",
        500,
        judged(lambda n: patient(text={"status": "generated", "div": XHTML + "<" * n + "</div>"})),
    ),
    Growth(
        "validate: narrative, open comments",
        500,
        judged(lambda n: patient(text={"status": "generated", "div": XHTML + "<!-- " * n + "</div>"})),
    ),
    Growth(
        "validate: narrative, blank",
        500,
        judged(lambda n: patient(text={"status": "generated", "div": XHTML + " " * n + "</div>"})),
    ),
    Growth(
        "validate: narrative, doctype with entities",
        500,
        judged(
            lambda n: patient(
                text={
                    "status": "generated",
                    "div": "<!DOCTYPE x ["
                    + "".join(f'<!ENTITY e{i} "&e{i - 1};&e{i - 1};">' for i in range(1, n))
                    + f"]>{XHTML}&e{n - 1};</div>",
                }
            )
        ),
    ),
    *(
        Growth(f"validate: a long {name}, {shown}", 20_000, judged(make))
        for name, shown, make in (
            *(
                (kind, text, text_in(element, text, "!"))
                for kind, element in (("date", "birthDate"), ("id", "id"), ("uri", "implicitRules"), ("code", "gender"))
                for text in ("a", "1", " ", "1-", "a:", "/", "%")
            ),
            *(
                ("string", text, lambda n, text=text: patient(name=[{"family": text * n + "\x00"}]))
                for text in (" ", "a", "\n", "\\", '"', "ä", "010199-", "<")
            ),
            *(
                ("base64", text, lambda n, text=text: patient(photo=[{"data": text * n + "!"}]))
                for text in ("A", " ", "AAAA", "=", "\n")
            ),
            *(
                ("url", text, lambda n, text=text: patient(photo=[{"url": text * n + " "}]))
                for text in ("a", "http://", "%", "//", "urn:oid:1.")
            ),
            *(
                ("reference", text, lambda n, text=text: patient(managingOrganization={"reference": text * n}))
                for text in ("a", "a/", "#", "http://a/", "Patient/", "urn:uuid:", "/_history", "?", "|")
            ),
            *(
                ("instant", text, lambda n, text=text: patient(meta={"lastUpdated": text * n}))
                for text in ("1", "2026-01-01T", ".1", "+")
            ),
            *(
                ("profile url", text, lambda n, text=text: patient(meta={"profile": [text * n]}))
                for text in ("a", "http://x|", "|", "#")
            ),
            *(
                ("telecom", text, lambda n, text=text: patient(telecom=[{"system": "phone", "value": text * n}]))
                for text in ("0", "+ ", "(")
            ),
        )
    ),
]
