"""What is left in a drop: the receiver's own labels, nobody's home in a name, twice is once, and what takes it back."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.deliver.receivers.base import Part, ReceiverSettings, Shipment, TransportError
from service.deliver.receivers.file_drop import FileDrop
from service.deliver.settings import read
from tests.deliver.shipments import ABC, BASIS, PROTECTED, TOOLS, TWINS, collection, shipment, withdrawal
from tests.drops.sftp_server import PASSWORD, SftpDouble, sftp_server
from tests.shared import ROOT

EXAMPLE = read(ROOT / "receivers" / "early-education-sftp.toml")
LEARNER = "1.2.246.562.24.99900000011"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


def receiver(folder: Path, **options: Any) -> FileDrop:
    """The example's receiver, over a folder of this machine."""
    chosen = {name: value for name, value in EXAMPLE.options.items() if name != "drop"} | options
    return FileDrop(replace(EXAMPLE, url=folder.as_uri(), options=chosen))


def deliver(one: FileDrop, what: Shipment) -> str:
    with one.connect() as session:
        one.prepare(session)
        return one.send(what, one.parts(what, TOOLS), session).status


def _json(part: Part) -> Any:
    return json.loads(part.body)


@pytest.mark.parametrize("style", ["detail", "reference"])
def test_the_answers_stand_under_the_labels(folder: Path, style: str) -> None:
    parts = receiver(folder).parts(shipment(ABC, style=style), TOOLS)
    assert [part.name.rpartition("2026-11-22")[2] for part in parts] == [".pdf", ".metadata.json", ".json"]
    (entry,) = _json(parts[-1])
    assert entry["child"] == {
        "oid": LEARNER,
        "date_of_birth": "2020-11-02",
        "first_name": "Eino Oskari",
        "last_name": "Tuulenpesä",
    }
    plan = collection(ABC)["entry"][0]["resource"]
    measures = [
        one["detail"]["description"]
        for one in plan["activity"]
        if one.get("extension", [{}])[0].get("valueCoding", {}).get("code") == "everyday-environment"
    ]
    assert measures
    assert entry["document"]["Mitä päiväkodissa tehdään"] == "\n".join(measures)
    assert entry["document"]["Sovittu"] == "17.9.2025"
    assert entry["document"]["Seuranta"] == "Suunnitelmaa tarkistetaan yhdessä joulukuussa."
    assert "Riku Sarastus" in entry["document"]["Moniammatillinen yhteistyö: vastuutyöntekijät"]


def test_labels_in_the_plans_language_or_in_the_receivers(folder: Path) -> None:
    swedish = shipment(ABC, language="sv")
    (entry,) = _json(receiver(folder).parts(swedish, TOOLS)[-1])
    assert "Vad görs på daghemmet" in entry["document"]
    (entry,) = _json(receiver(folder, language="fi").parts(swedish, TOOLS)[-1])
    assert "Mitä päiväkodissa tehdään" in entry["document"]


def test_each_child_has_an_entry_with_its_own_view(folder: Path) -> None:
    entries = _json(receiver(folder).parts(shipment(TWINS), TOOLS)[-1])
    views = {one["child"]["first_name"]: one["document"].get("Lapsen oma näkemys") for one in entries}
    assert views == {
        "Aino Sofia": "Maanantai on tyhmä, kun reppu on väärässä kodissa.",
        "Veikko Johannes": "Kiva kun on kaksi sänkyä.",
    }
    assert [one["child"]["oid"] for one in entries] == [None, None]


def test_what_the_receiver_may_not_get_has_no_label(folder: Path) -> None:
    bundle = collection(ABC)
    bundle["entry"] = [one for one in bundle["entry"] if one["resource"]["resourceType"] != "Goal"]
    (entry,) = _json(receiver(folder).parts(shipment(bundle=bundle), TOOLS)[-1])
    assert "Asiat, joihin tarvitaan muutosta" not in entry["document"]


def test_the_same_shipment_is_the_same_bytes(folder: Path) -> None:
    one, other = (receiver(folder).parts(shipment(ABC), TOOLS) for _ in range(2))
    assert one == other


def test_names_tell_of_plan_version_and_receiver_only(folder: Path) -> None:
    def name(what: Shipment) -> str:
        return receiver(folder).parts(what, TOOLS)[-1].name

    first = shipment(ABC)
    assert name(first).startswith("vasu_297_yhteinen-suunnitelma-")
    assert name(first).endswith("-2_2026-11-22.json")
    others = [
        replace(first, version=3),
        replace(first, reference="CarePlan/another"),
        replace(first, recipient=replace(first.recipient, organisation="2.999.1")),
    ]
    assert len({name(one) for one in [first, *others]}) == 4
    assert first.reference.partition("/")[2] not in name(first)


def test_a_familys_municipality_stays_out_of_names_with_a_non_disclosure(folder: Path) -> None:
    parts = receiver(folder, municipality="075").parts(shipment(PROTECTED), TOOLS)
    assert all(part.name.startswith("vasu_yhteinen-suunnitelma-") for part in parts)
    assert not any("075" in part.name for part in parts)


def test_metadata(folder: Path) -> None:
    pdf, metadata, document = receiver(folder).parts(shipment(ABC), TOOLS)
    said = _json(metadata)
    assert said["kind"] == "copy"
    assert said["copy"] is True
    assert said["controller"] == {"oid": "2.999.13.10.1", "name": "Pohjois-Savon perhekeskus (esimerkki)"}
    assert said["recipient"]["oid"] == "2.999.13.30.7"
    assert said["original"]["identifier"]["value"] == "suunnitelma-eino"
    assert said["original"]["version"] == 2
    assert said["basis"] == [
        {
            "kind": "suostumus",
            "parts": [{"code": "measures-everyday-environment"}],
            "provision": {"code": "703/2023 6 §"},
        }
    ]
    assert said["created"] == "2026-11-22T00:30:05+02:00"
    assert {one["name"]: one["sha256"] for one in said["files"]} == {
        part.name: hashlib.sha256(part.body).hexdigest() for part in (pdf, document)
    }


@pytest.mark.parametrize(("provision", "goes"), [("540/2018 41 § 2 mom.", True), ("äiti on kertonut", False)])
def test_only_statutes_are_told_of_a_basis(folder: Path, provision: str, goes: bool) -> None:
    what = shipment(ABC, bases=(replace(BASIS, provision=provision),))
    assert ("provision" in _json(receiver(folder).parts(what, TOOLS)[1])["basis"][0]) is goes


def test_only_what_is_asked_for(folder: Path) -> None:
    parts = receiver(folder, pdf=False, metadata=False).parts(shipment(ABC), TOOLS)
    assert [part.content_type for part in parts] == ["application/json"]


def test_twice_is_once(folder: Path) -> None:
    assert deliver(receiver(folder), shipment(ABC)) == "stored"
    before = {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.iterdir()}
    assert len(before) == 3
    assert deliver(receiver(folder), shipment(ABC)) == "there already"
    assert {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.iterdir()} == before


def test_what_the_receiver_has_read_is_not_left_again(folder: Path) -> None:
    deliver(receiver(folder), shipment(ABC))
    (folder / "luettu").mkdir()
    for one in list(folder.glob("vasu*")):
        one.rename(folder / "luettu" / one.name)
    assert deliver(receiver(folder), shipment(ABC)) == "there already"
    assert list(folder.glob("vasu*")) == []


def test_a_withdrawal_deletes_what_is_still_there_and_says_so(folder: Path) -> None:
    deliver(receiver(folder), shipment(ABC, version=1))
    deliver(receiver(folder), shipment(ABC))
    deliver(receiver(folder), shipment(TWINS))
    assert len(list(folder.iterdir())) == 9
    assert deliver(receiver(folder), withdrawal(ABC)) == "stored"
    names = sorted(one.name for one in folder.iterdir())
    assert len(names) == 4
    (left,) = folder.glob("*.withdrawal.json")
    said = json.loads(left.read_bytes())
    assert said["kind"] == "withdrawal"
    assert "basis" not in said
    assert "Tuulenpesä" not in left.read_text("utf-8")
    assert "Kaksi" not in left.read_text("utf-8")
    assert deliver(receiver(folder), withdrawal(ABC)) == "there already"
    assert sorted(one.name for one in folder.iterdir()) == names


def test_a_withdrawal_may_leave_what_is_there(folder: Path) -> None:
    deliver(receiver(folder), shipment(ABC))
    deliver(receiver(folder, delete_withdrawn=False), withdrawal(ABC))
    assert len(list(folder.iterdir())) == 4


def test_a_plan_of_which_nothing_is_left_is_not_delivered(folder: Path) -> None:
    questions = [{"label": {"fi": "Ei mitään"}, "value": "%plan.nothing"}]
    with pytest.raises(TransportError) as refused:
        receiver(folder, answers=questions).parts(shipment(ABC), TOOLS)
    assert refused.value.issue.key == "receivers.no-answers"
    assert refused.value.permanent


@pytest.mark.parametrize(
    ("value", "format_", "expected"),
    [
        ("%plan.title.count()", "text", "1"),
        ("true", "text", "kyllä"),
        ("'2025-03-01'", "date", "1.3.2025"),
        ("'2025-03-01T23:30:00Z'", "date", "2.3.2025"),
        ("'next week'", "date", "next week"),
        ("'a' | 'b' | 'a'", "text", "a; b"),
        ("%plan.category", "text", "Yhteinen suunnitelma"),
        ("1.50", "text", "1.50"),
    ],
)
def test_how_values_are_written(folder: Path, value: str, format_: str, expected: str) -> None:
    questions = [{"label": {"fi": "L"}, "value": value, "format": format_, "join": "; "}]
    (entry,) = _json(receiver(folder, answers=questions).parts(shipment(ABC), TOOLS)[-1])
    assert entry["document"] == {"L": expected}


def test_an_expression_that_fails_on_this_plan_parks_it(folder: Path) -> None:
    questions = [{"label": {"fi": "L"}, "value": "%resources.id.toInteger() + 1"}]
    with pytest.raises(TransportError) as refused:
        receiver(folder, answers=questions).parts(shipment(ABC), TOOLS)
    assert refused.value.permanent
    assert not refused.value.sent


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SftpDouble, ReceiverSettings]]:
    monkeypatch.setenv("TEST_SFTP_PASSWORD", PASSWORD)
    with sftp_server(tmp_path / "sftp") as double:
        drop = {"fingerprint": double.host_key.fingerprint, "password_env": "TEST_SFTP_PASSWORD"}
        yield double, replace(EXAMPLE, url=f"{double.url}/", options=EXAMPLE.options | {"drop": drop})


def test_over_sftp(sftp: tuple[SftpDouble, ReceiverSettings]) -> None:
    double, settings = sftp
    one = FileDrop(settings)
    assert deliver(one, shipment(ABC)) == "stored"
    assert deliver(one, shipment(ABC)) == "there already"
    assert len(list(double.root.iterdir())) == 3


def test_a_connection_that_breaks_between_two_files(sftp: tuple[SftpDouble, ReceiverSettings]) -> None:
    double, settings = sftp
    one = FileDrop(settings)
    what = shipment(ABC)
    with one.connect() as session:
        double.faults.append("cut")
        with pytest.raises(TransportError) as refused:
            one.send(what, one.parts(what, TOOLS), session)
        assert (refused.value.permanent, refused.value.whole, refused.value.sent) == (False, True, True)
        assert one.send(what, one.parts(what, TOOLS), session).status == "stored"
    assert len([one for one in double.root.iterdir() if not one.name.startswith(".")]) == 3


def test_check_says_what_is_wrong(
    sftp: tuple[SftpDouble, ReceiverSettings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    double, settings = sftp
    one = FileDrop(settings)
    with one.connect() as session:
        assert [issue.key for issue in one.check(session)] == ["receivers.drop-reachable"]
        assert list(double.root.iterdir()) == []
        double.faults.append("full")
        assert [issue.key for issue in one.check(session)] == ["drops.failed"]
    monkeypatch.setenv("TEST_SFTP_PASSWORD", "another")
    with one.connect() as session:
        assert [issue.key for issue in one.check(session)] == ["drops.login"]
    with pytest.raises(TransportError) as refused:
        FileDrop(replace(settings, url=(tmp_path / "none").as_uri(), options=settings.options | {"drop": {}})).connect()
    assert refused.value.issue.key == "drops.failed"
    assert not refused.value.permanent
