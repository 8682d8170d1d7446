"""The way out from end to end: every text of a made-up document has a mark, and of no mark that has to stay is there
anything in what any receiver got, in file names, logs, metrics, the outbox or the use log.

Which marks may go is said here once more and by the document's own fields, so that no mistake is shared.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from service.cli.delivering import _pdf
from service.deliver.receivers import make as receiver_of
from service.deliver.receivers.base import ReceiverSettings, Tools
from service.deliver.shipments import Kit
from service.deliver.worker import Worker
from service.fhir.json import encode, escape
from service.intake import base, check
from service.issues import has_errors
from service.pipeline import Converter
from service.print import narrative
from service.store import Store, audit
from tests.deliver.double import Double, double
from tests.deliver.world import World
from tests.intake.documents import make
from tests.print.pdf_reading import document as pdf_of
from tests.print.pdf_reading import tree

MARK = re.compile(r"merkki\d{5}x")
NEUVOLA, HOSPITAL, DAYCARE = "2.999.77.10.1", "2.999.77.10.2", "2.999.77.30.1"
SEEDS = range(8)
# What of a plan a part opens, as pointers into the document; `#` is any number.
OPENS = {
    "needs": ("/plan/needs/",),
    "follow-up": ("/plan/followUp/",),
    "measures-everyday-environment": ("/plan/measures/everyday-environment/",),
    "measures-home": ("/plan/measures/home/",),
}
# What a copy needs to be understood: whose it is, who made it, what it is called.
ALWAYS = ("/source/organisationName", "/plan/title", "/professionals/", "/organisations/")
CHILD = ("/family/children/#/name", "/family/children/#/languages", "/family/children/#/interpreter")
ADULTS = ("name", "relations", "languages", "interpreter")
PEOPLE = {
    "health": (
        *CHILD,
        *(f"/family/{who}/#/{what}" for who in ("guardians", "others") for what in (*ADULTS, "telecom")),
    ),
    "early-education": (*CHILD, "/family/guardians/#/name", "/family/guardians/#/relations"),
}
Json = dict[str, Any]


def marked(document: Json) -> dict[str, str]:
    """Put a mark into every text that bears one, and tell which stands where: mark to pointer."""
    gate = base().gates[document["kind"]]
    marks: dict[str, str] = {}
    for holder, key, pointer in list(_texts(document, "")):
        before, mark = holder[key], f"merkki{len(marks):05d}x"
        holder[key] = f"{before} {mark}"
        if gate.is_valid(document) and not has_errors(check(document)):
            marks[mark] = pointer
        else:
            holder[key] = before
    return marks


def _texts(node: Any, pointer: str) -> Iterator[tuple[Any, Any, str]]:
    rows = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in rows:
        here = f"{pointer}/{escape(str(key))}"
        if isinstance(value, dict | list):
            # A measure's place in the document says less than its environment.
            if pointer == "/plan/measures":
                here = f"{pointer}/{value.get('environment')}/{key}"
            yield from _texts(value, here)
        elif isinstance(value, str) and key not in ("id", "kind", "model", "system", "environment"):
            yield node, key, here


def document_of(seed: int) -> tuple[Json, dict[str, str]]:
    """A shared plan that goes to three organisations, and its marks."""
    made = make(Random(seed), "shared-plan")
    marks = marked(made)
    made["source"]["organisation"] = "2.999.77.10.9"
    # Otherwise there is no register that a luovutuslupa could be about.
    made["family"]["clientRelationship"] = True
    children = [one["id"] for one in made["family"]["children"]]
    own = [one for one in made["organisations"] if one.get("oid") == "2.999.77.10.9"]
    assert not own
    rows = (
        ("omistaja", "2.999.77.10.9", "social"),
        ("saaja-neuvola", NEUVOLA, "health"),
        ("saaja-sairaala", HOSPITAL, "health"),
        ("saaja-paivakoti", DAYCARE, "early-education"),
    )
    for id_, oid, sector in rows:
        made["organisations"].append({"id": id_, "oid": oid, "name": f"{id_} (esimerkki)", "sector": sector})
    giver = next((one["id"] for one in made["family"].get("guardians", [])), children[0])
    permission = {"status": "active", "givenBy": [giver], "given": "2024-01-01T10:00:00+02:00"}
    made["plan"]["recipients"] = [
        _recipient("r-neuvola", "saaja-neuvola", "luovutuslupa", ["needs", "follow-up"], children, permission),
        _recipient("r-sairaala", "saaja-sairaala", "luovutuslupa", ["measures-home"], children, permission),
        _recipient(
            "r-paivakoti", "saaja-paivakoti", "suostumus", ["measures-everyday-environment"], children, permission
        ),
    ]
    return made, marks


def _recipient(
    id_: str, organisation: str, basis: str, parts: list[str], children: list[str], permission: Json
) -> Json:
    return {
        "id": id_,
        "organisation": organisation,
        "direction": "to",
        "parts": parts,
        "children": children,
        "basis": basis,
        "permission": permission,
    }


def may_go(pointer: str, parts: list[str], sector: str) -> bool:
    steps = re.sub(r"/\d+(?=/|$)", "/#", pointer)
    opened = [one for part in parts for one in OPENS[part]]
    return any(pointer.startswith(one) for one in opened) or any(
        steps.startswith(one) for one in (*ALWAYS, *PEOPLE[sector])
    )


def told(data: bytes) -> str:
    """What somebody reads in a file."""
    return tree(pdf_of(data)).whole() if data.startswith(b"%PDF") else data.decode("utf-8", "replace")


def got(one: Double) -> str:
    """Everything that a receiver saw of us, PDFs in it read."""
    texts = []
    for request in one.requests:
        texts += [request["path"], told(request["body"]), json.dumps(request.get("headers", {}))]
        texts += [told(data) for data in _packed(request["body"])]
    return "\n".join(texts)


def _packed(body: bytes) -> Iterator[bytes]:
    import base64

    for found in re.finditer(rb'"data":"([A-Za-z0-9+/=]+)"', body):
        yield base64.b64decode(found[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mark_leaves_that_has_to_stay(seed: int, store: Store, converter: Converter, tmp_path: Path) -> None:
    document, marks = document_of(seed)
    assert marks
    drop = tmp_path / "drop"
    drop.mkdir()
    with double() as neuvola, double() as hospital, capture_logs() as logs:
        world = World(store, converter, neuvola)
        store.clock = world.clock
        receivers = [
            ReceiverSettings("neuvola", NEUVOLA, "health", "fhir_transaction", neuvola.url),
            ReceiverSettings("sairaala", HOSPITAL, "health", "fhir_document", hospital.url),
            ReceiverSettings("paivakoti", DAYCARE, "early-education", "file_drop", drop.as_uri(), options=ANSWERS),
        ]
        with_narrative = Converter(
            converter.key, converter.catalogue, converter.definitions, converter.schemas, narrative
        )
        world.converter = with_narrative
        world.accept(document)
        kit = Kit(world.policy, narrative, Tools(pdf=_pdf))
        worker = Worker(store, [receiver_of(one) for one in receivers], kit, world.clock)
        worker.run(once=True)
        payloads = {
            "neuvola": (got(neuvola), ["needs", "follow-up"], "health"),
            "hospital": (got(hospital), ["measures-home"], "health"),
            "daycare": (_dropped(drop), ["measures-everyday-environment"], "early-education"),
        }
    rows = world.rows()
    for name, (text, parts, sector) in payloads.items():
        wrong = {marks[one] for one in MARK.findall(text) if not may_go(marks[one], parts, sector)}
        assert not wrong, (seed, name)
    with store.database.read() as connection:
        log = [row.detail.decode() for row in audit.rows_after(connection, 0, 1000)]
    beside = [str(rows and [(one.state, one.reason, one.status, one.confirmed) for one in rows]), str(logs), *log]
    beside.append(generate_latest(worker.metrics.shown()).decode())
    assert not MARK.findall("\n".join(beside)), seed
    assert not [one for one in logs if one["event"] == "row put behind"], seed
    assert {one.state for one in rows} <= {"delivered", "cancelled", "parked"}, [
        (one.state, one.reason) for one in rows
    ]


ANSWERS = {
    "prefix": "vasu_",
    "answers": [
        {
            "label": {"fi": "Kaikki", "sv": "Allt"},
            # As greedy as a template can be.
            "value": "%resources.descendants().ofType(string)",
        }
    ],
}


def _dropped(folder: Path) -> str:
    return "\n".join(f"{one.name}\n{told(one.read_bytes())}" for one in sorted(folder.iterdir()))


def test_most_of_these_documents_arrive(store: Store, converter: Converter, tmp_path: Path) -> None:
    """Otherwise the test above would look at nothing."""
    arrived = 0
    for seed in SEEDS[:4]:
        document, marks = document_of(seed)
        document["family"]["id"] = f"perhe-{seed}"
        document["id"] = f"asiakirja-{seed}"
        with double() as neuvola:
            world = World(store, converter, neuvola)
            store.clock = world.clock
            world.accept(json.loads(encode(document)))
            settings = ReceiverSettings("neuvola", NEUVOLA, "health", "fhir_transaction", neuvola.url)
            Worker(store, [receiver_of(settings)], Kit(world.policy, narrative), world.clock).run(once=True)
            arrived += bool(set(MARK.findall(got(neuvola))) & set(marks))
    assert arrived >= 2
