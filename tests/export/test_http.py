"""`$export` over HTTP as the IG has it: kick-off, status, manifest, files, end; and who may what.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html
"""

import gzip
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from service.export.runner import Runner
from service.fhir.json import encode, parse
from service.store import Store
from service.store.disclosures import Given, disclose
from service.store.tables import resource, version
from tests.api.backend import bearer, register, store_of
from tests.api.rest import ids, keys
from tests.export.backend import OURS, THEIRS, Clock, Json, delete, goal, patient, provenance, put, references, runner

ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
RECEIVER = "2.999.31"


class Caller:
    """One client of the application: what it asks, with its token."""

    def __init__(self, app: Flask, folder: Path, headers: dict[str, str]) -> None:
        self.app = app
        self.folder = folder
        self.headers = headers
        self.http: FlaskClient = app.test_client()

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.http.get(local(path), headers=self.headers | headers, buffered=True)

    def begin(self, path: str, body: Json | None = None, prefer: str = "") -> TestResponse:
        headers = self.headers | ASYNC | ({"Prefer": f"respond-async, {prefer}"} if prefer else {})
        return self.http.post(path, json=body, headers=headers) if body else self.http.get(path, headers=headers)

    def run(self) -> None:
        runner(store_of(self.app), self.folder).once()

    def export(self, path: str, body: Json | None = None, prefer: str = "") -> Json:
        """The manifest of an export that was begun, run and asked for."""
        begun = self.begin(path, body, prefer)
        assert begun.status_code == 202, begun.data
        self.run()
        done = self.get(begun.headers["Content-Location"])
        assert done.status_code == 200, done.data
        return {**parse(done.data), "location": begun.headers["Content-Location"]}

    def lines(self, manifest: Json, kind: str = "output", type_name: str | None = None) -> list[bytes]:
        """Every line of its files."""
        rows = [one for one in manifest[kind] if type_name in (None, one.get("type"))]
        found = [line for one in rows for line in self.get(one["url"]).data.splitlines()]
        assert len(found) >= sum(one["count"] for one in rows)
        return found

    def resources(self, path: str, body: Json | None = None, prefer: str = "") -> list[str]:
        found = references(self.lines(self.export(path, body, prefer)))
        return [one.rpartition("/")[0] for one in found]


def local(url: str) -> str:
    return url.removeprefix("http://localhost")


@pytest.fixture
def store(face: Flask) -> Store:
    return store_of(face)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "exports"


@pytest.fixture
def client(face: Flask, folder: Path) -> Caller:
    """A caller on this machine; no client is registered."""
    return Caller(face, folder, {})


@pytest.fixture
def filled(store: Store) -> Iterator[Store]:
    """Two families, what is said of them, and an organisation that is nobody's."""
    put(store, patient("a"), patient("b"))
    put(store, goal("ga", "Patient/a"), goal("gb", "Patient/b", lifecycleStatus="completed"))
    put(store, {"resourceType": "Organization", "id": "o", "name": "Perhekeskus"})
    put(store, provenance("pa", "Goal/ga"), provenance("pb", "Goal/gb"), provenance("po", "Organization/o"))
    yield store


# Kick-off


def test_kick_off_is_accepted(filled: Store, client: Caller) -> None:
    for path in ("/fhir/$export", "/fhir/Patient/$export", "/fhir/Group/organisation-2.999.10.10.1/$export"):
        begun = client.begin(path)
        assert begun.status_code == 202
        assert begun.headers["Content-Location"].startswith("http://localhost/export/")
        assert keys(begun) == ["export.begun"]
        parameters = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Patient"}]}
        assert client.begin(path, parameters).status_code == 202 or path.startswith("/fhir/Group")


@pytest.mark.parametrize("level", ["/fhir/$export", "/fhir/Patient/$export"])
def test_kick_off_must_be_asynchronous(client: Caller, level: str) -> None:
    answer = client.http.get(level, headers={"Accept": "application/fhir+json"})
    assert (answer.status_code, keys(answer)) == (400, ["export.prefer"])


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("_outputFormat=text/csv", "export.parameter-unsupported"),
        ("_since=yesterday", "export.parameter-value"),
        ("_since=2026-03-28", "export.parameter-value"),
        ("_since=2026-03-28T12:00:00Z&_since=2026-03-28T12:00:00Z", "export.parameter-value"),
        ("_type=Potilas", "export.parameter-unsupported"),
        ("_elements=Patient.name.family", "export.parameter-unsupported"),
        ("patient=Patient/a", "export.parameter-unsupported"),
        ("includeAssociatedData=Everything", "export.parameter-unsupported"),
        ("organizeOutputBy=Goal", "export.parameter-unsupported"),
        ("allowPartialManifests=maybe", "export.parameter-value"),
        ("_typeFilter=Goal", "export.filter"),
        ("_typeFilter=Goal%3F_sort%3Dstart-date", "export.filter"),
        ("_typeFilter=Goal%3Fno-such%3D1", "export.filter"),
        ("_typeFilter=Goal%3Fpatient.name%3Daino", "export.filter"),
        ("_typeFilter=Goal%3Fstart-date%3Dnever", "export.filter"),
    ],
)
def test_what_cannot_be_is_refused(client: Caller, query: str, key: str) -> None:
    answer = client.begin(f"/fhir/Patient/$export?{query}")
    assert (answer.status_code, keys(answer)) == (400, [key])


def test_only_types_outside_the_compartment_of_patients(client: Caller) -> None:
    answer = client.begin("/fhir/Patient/$export?_type=Organization")
    assert (answer.status_code, keys(answer)) == (400, ["export.parameter-unsupported"])


@pytest.mark.parametrize("format_", ["application/fhir+ndjson", "application/ndjson", "ndjson"])
def test_output_formats(client: Caller, format_: str) -> None:
    for written in (format_, format_.replace("+", "%2B")):
        assert client.begin(f"/fhir/$export?_outputFormat={written}").status_code == 202


def test_unknown_parameters(filled: Store, client: Caller) -> None:
    strict = client.begin("/fhir/$export?_colour=red", prefer="handling=strict")
    assert (strict.status_code, keys(strict)) == (400, ["export.parameter-unknown"])
    manifest = client.export("/fhir/$export?_colour=red")
    (line,) = client.lines(manifest, "error")
    assert "`_colour`" in parse(line)["issue"][0]["details"]["text"]
    assert manifest["error"][0]["type"] == "OperationOutcome"


def test_lenient_handling_leaves_out_what_is_not_supported(filled: Store, client: Caller) -> None:
    query = "_type=Goal,Potilas&includeAssociatedData=_mine&_typeFilter=Goal%3Fno-such%3D1&organizeOutputBy=Goal"
    manifest = client.export(f"/fhir/$export?{query}", prefer="handling=lenient")
    assert [(one["type"], one["count"]) for one in manifest["output"]] == [("Goal", 2)]
    assert len(client.lines(manifest, "error")) == 4


def test_a_client_has_so_many_exports_at_a_time(client: Caller) -> None:
    answers = [client.begin("/fhir/$export") for _ in range(6)]
    assert [one.status_code for one in answers] == [202] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert keys(answers[-1]) == ["export.too-many"]


# Status


def test_status_and_end(filled: Store, client: Caller, clock: Clock, folder: Path) -> None:
    place = client.begin("/fhir/$export?_type=Patient").headers["Content-Location"]
    waiting = client.get(place)
    assert (waiting.status_code, waiting.data) == (202, b"")
    assert len(waiting.headers["X-Progress"]) < 100
    assert int(waiting.headers["Retry-After"]) >= 1
    hot = client.get(place)
    assert (hot.status_code, keys(hot)) == (429, ["export.too-often"])
    assert int(hot.headers["Retry-After"]) >= 1
    clock.move(1)
    assert client.get(place).status_code == 202
    client.run()
    done = client.get(place, Accept="application/json")
    assert (done.status_code, done.mimetype) == (200, "application/json")
    assert parsedate_to_datetime(done.headers["Expires"]).timestamp() == int(clock().timestamp()) + 24 * 3600
    gone = client.http.delete(local(place))
    assert (gone.status_code, keys(gone)) == (202, ["export.deleted"])
    for answer in (
        client.get(place),
        client.http.delete(local(place)),
        client.get(parse(done.data)["output"][0]["url"]),
    ):
        assert (answer.status_code, keys(answer)) == (404, ["export.job"])
    assert not list(folder.iterdir())


def test_a_cancelled_export_is_never_run(filled: Store, client: Caller, folder: Path) -> None:
    place = client.begin("/fhir/$export").headers["Content-Location"]
    assert client.http.delete(local(place)).status_code == 202
    assert not runner(filled, folder).once()
    assert client.get(place).status_code == 404


def test_what_is_over_is_deleted(filled: Store, client: Caller, clock: Clock, folder: Path) -> None:
    manifest = client.export("/fhir/$export")
    clock.move(24 * 3600)
    assert client.get(manifest["location"]).status_code == 404
    assert client.get(manifest["output"][0]["url"]).status_code == 404
    (folder / ("0" * 32)).mkdir()
    (folder / "somebody's").mkdir()
    runner(filled, folder).sweep()
    assert [one.name for one in folder.iterdir()] == ["somebody's"]


def test_the_manifest(filled: Store, client: Caller, clock: Clock) -> None:
    manifest = client.export("/fhir/$export?_type=Goal,Patient&_since=2020-01-01T00:00:00%2B02:00")
    assert manifest["transactionTime"] == "2026-03-28T10:00:00.000Z"
    assert manifest["request"] == "http://localhost/fhir/$export?_type=Goal,Patient&_since=2020-01-01T00:00:00%2B02:00"
    assert manifest["requiresAccessToken"] is False
    assert [(one["type"], one["count"]) for one in manifest["output"]] == [("Goal", 2), ("Patient", 2)]
    assert (manifest["deleted"], manifest["error"]) == ([], [])


# Files


def test_files(filled: Store, client: Caller) -> None:
    one = client.export("/fhir/$export?_type=Patient")["output"][0]
    whole = client.get(one["url"], **{"Accept-Encoding": "identity"})
    assert whole.status_code == 200
    assert whole.headers["Content-Type"] == "application/fhir+ndjson"
    assert int(whole.headers["Content-Length"]) == len(whole.data)
    assert [parse(line)["id"] for line in whole.data.splitlines()] == ["a", "b"]
    packed = client.get(one["url"], **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == whole.data
    assert packed.headers["ETag"] != whole.headers["ETag"]
    assert client.get(one["url"], Accept="text/html").status_code == 406
    missing = client.get(one["url"].replace("Patient", "Goal"))
    assert (missing.status_code, keys(missing)) == (404, ["export.file"])


def test_a_download_can_be_gone_on_with(filled: Store, client: Caller) -> None:
    url = client.export("/fhir/$export?_type=Patient")["output"][0]["url"]
    whole = client.get(url)
    tag, size = whole.headers["ETag"], len(whole.data)
    begun = client.get(url, Range="bytes=0-9")
    assert (begun.status_code, begun.data) == (206, whole.data[:10])
    assert begun.headers["Content-Range"] == f"bytes 0-9/{size}"
    rest = client.get(url, Range="bytes=10-", **{"If-Range": tag})
    assert begun.data + rest.data == whole.data
    assert client.get(url, Range="bytes=-5").data == whole.data[-5:]
    changed = client.get(url, Range="bytes=10-", **{"If-Range": '"another"'})
    assert (changed.status_code, changed.data) == (200, whole.data)
    beyond = client.get(url, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert keys(beyond) == ["export.range"]
    assert client.get(url, **{"If-None-Match": tag}).status_code == 304


# What is exported


def test_system_patient_and_group(filled: Store, client: Caller) -> None:
    everything = ["Goal/ga", "Goal/gb", "Organization/o", "Patient/a", "Patient/b"]
    everything += ["Provenance/pa", "Provenance/pb", "Provenance/po"]
    assert client.resources("/fhir/$export") == everything
    of_patients = [one for one in everything if one not in ("Organization/o", "Provenance/po")]
    assert client.resources("/fhir/Patient/$export") == of_patients
    put(filled, patient("c"), goal("gc", "Patient/c"), author=THEIRS)
    assert client.resources(f"/fhir/Group/organisation-{THEIRS.organisation}/$export") == ["Goal/gc", "Patient/c"]
    members = [{"entity": {"reference": "Patient/a"}}, {"entity": {"reference": "Patient/b"}, "inactive": True}]
    put(filled, {"resourceType": "Group", "id": "mine", "type": "person", "actual": True, "member": members})
    assert client.resources("/fhir/Group/mine/$export") == ["Goal/ga", "Patient/a", "Provenance/pa"]
    nothing = client.begin("/fhir/Group/county-99/$export")
    assert (nothing.status_code, keys(nothing)) == (404, ["export.group"])


def test_named_patients(filled: Store, client: Caller) -> None:
    def asked(*references: str) -> Json:
        named = [{"name": "patient", "valueReference": {"reference": one}} for one in references]
        return {"resourceType": "Parameters", "parameter": named}

    assert client.resources("/fhir/Patient/$export", asked("Patient/b")) == ["Goal/gb", "Patient/b", "Provenance/pb"]
    absent = client.begin("/fhir/Patient/$export", asked("Patient/a", "Patient/nobody"))
    assert (absent.status_code, keys(absent)) == (400, ["export.patient"])
    put(filled, patient("c"), author=THEIRS)
    outside = client.begin(f"/fhir/Group/organisation-{THEIRS.organisation}/$export", asked("Patient/a"))
    assert (outside.status_code, keys(outside)) == (400, ["export.patient"])
    system = client.begin("/fhir/$export", asked("Patient/a"))
    assert (system.status_code, keys(system)) == (400, ["export.parameter-unsupported"])


def test_since_until_and_what_was_deleted(filled: Store, client: Caller, clock: Clock) -> None:
    first = client.export("/fhir/$export")["transactionTime"]
    clock.move(60)
    put(filled, goal("new", "Patient/a"), patient("a", active=True))
    delete(filled, "Goal/gb", "Organization/o")
    clock.move(60)
    put(filled, goal("newer", "Patient/a"))
    manifest = client.export(f"/fhir/$export?_since={first}&_until=2026-03-28T10:01:30Z")
    assert references(client.lines(manifest)) == ["Goal/new/1", "Patient/a/2"]
    assert {one["type"] for one in manifest["deleted"]} == {"Bundle"}
    bundles = [parse(line) for line in client.lines(manifest, "deleted")]
    assert {one["type"] for one in bundles} == {"transaction"}
    requests = [row["request"] for one in bundles for row in one["entry"]]
    assert requests == [{"method": "DELETE", "url": "Goal/gb"}, {"method": "DELETE", "url": "Organization/o"}]
    of_patients = client.export(f"/fhir/Patient/$export?_since={first}")
    gone = [row["request"]["url"] for one in client.lines(of_patients, "deleted") for row in parse(one)["entry"]]
    assert gone == ["Goal/gb"]


def test_type_filters(filled: Store, client: Caller) -> None:
    assert client.resources("/fhir/$export?_type=Goal&_typeFilter=Goal%3Flifecycle-status%3Dactive") == ["Goal/ga"]
    two = "_typeFilter=Goal%3Flifecycle-status%3Dactive&_typeFilter=Goal%3F_id%3Dgb"
    assert client.resources(f"/fhir/$export?_type=Goal,Patient&{two}") == [
        "Goal/ga",
        "Goal/gb",
        "Patient/a",
        "Patient/b",
    ]
    listed = "_typeFilter=Goal%3Flifecycle-status%3Dactive,Patient%3F_id%3Da"
    assert client.resources(f"/fhir/$export?_type=Goal,Patient&{listed}") == ["Goal/ga", "Patient/a"]


def test_what_changes_after_the_cut_is_chosen_by_what_it_was(filled: Store, client: Caller, clock: Clock) -> None:
    """The index knows only what is now; the export is of what was."""
    paths = ["/fhir/Patient/$export?_typeFilter=Goal%3Flifecycle-status%3Dactive"]
    paths += ["/fhir/$export?organizeOutputBy=Patient&_type=Patient,Goal,Provenance"]
    paths += ["/fhir/$export?includeAssociatedData=RelevantProvenanceResources&_type=Goal"]
    before = [client.lines(client.export(one)) for one in paths]
    places = [client.begin(one).headers["Content-Location"] for one in paths]
    clock.move(1)
    put(filled, goal("ga", "Patient/b", lifecycleStatus="completed"), goal("gb", "Patient/a"), goal("x", "Patient/a"))
    delete(filled, "Patient/b", "Provenance/pb", "Goal/gb")
    for _ in places:
        client.run()
    after = [client.lines(parse(client.get(one).data)) for one in places]
    assert after == before


def test_elements(filled: Store, client: Caller) -> None:
    put(filled, patient("full", gender="female", birthDate="2019-05-30"))
    manifest = client.export("/fhir/$export?_type=Patient,Goal&_elements=id,Patient.gender")
    rows = {one["id"]: one for one in map(parse, client.lines(manifest))}
    assert set(rows["full"]) == {"resourceType", "id", "meta", "gender"}
    assert set(rows["ga"]) == {"resourceType", "id", "meta", "lifecycleStatus", "description", "subject"}
    assert [one["code"] for one in rows["full"]["meta"]["tag"]] == ["SUBSETTED"]


def test_associated_provenance(filled: Store, client: Caller, clock: Clock) -> None:
    clock.move(1)
    put(filled, provenance("pa2", "Goal/ga", "Goal/gb"))
    path = "/fhir/$export?_type=Goal&_typeFilter=Goal%3F_id%3Dga&includeAssociatedData="
    assert client.resources(f"{path}LatestProvenanceResources") == ["Goal/ga", "Provenance/pa2"]
    relevant = ["Goal/ga", "Provenance/pa", "Provenance/pa2"]
    assert client.resources(f"{path}RelevantProvenanceResources") == relevant
    both = f"{path}LatestProvenanceResources,RelevantProvenanceResources"
    assert client.resources(both) == relevant


def test_organised_by_patient(filled: Store, client: Caller) -> None:
    manifest = client.export("/fhir/Patient/$export?organizeOutputBy=Patient")
    assert manifest["outputOrganizedBy"] == "Patient"
    assert all("type" not in one for one in manifest["output"])
    rows = [parse(line) for line in client.lines(manifest)]
    shown = [one.get("id") or one["parameter"][0]["valueReference"]["reference"] for one in rows]
    assert shown == ["Patient/a", "a", "ga", "pa", "Patient/b", "b", "gb", "pb"]
    assert rows[0] == {
        "resourceType": "Parameters",
        "parameter": [{"name": "header", "valueReference": {"reference": "Patient/a"}}],
    }
    assert sum(one["count"] for one in manifest["output"]) == 6


def test_a_resource_that_cannot_be_written_is_told(filled: Store, client: Caller) -> None:
    number = select(resource.c.rid).where(resource.c.type == "Goal", resource.c.id == "ga").scalar_subquery()
    broken = update(version).where(version.c.rid == number).values(body=b'{"a":\n1}')
    assert filled.database.write(lambda connection: connection.execute(broken).rowcount) == 1
    manifest = client.export("/fhir/$export?_type=Goal,Patient")
    assert [(one["type"], one["count"]) for one in manifest["output"]] == [("Goal", 1), ("Patient", 2)]
    (line,) = client.lines(manifest, "error")
    assert "Goal/ga" in parse(line)["issue"][0]["details"]["text"]


# Who may


@pytest.fixture
def by(face: Flask, filled: Store, folder: Path) -> dict[str, Caller]:
    """Clients of every role."""
    given = {"ours": (OURS.organisation, "source"), "other": (OURS.organisation, "source")}
    given |= {"theirs": (THEIRS.organisation, "source"), "receiver": (RECEIVER, "recipient")}
    given |= {"archive": ("2.999.99", "archive"), "admin": ("2.999.1", "admin")}
    for id_, (organisation, role) in given.items():
        register(face, id_, organisation, role)  # type: ignore[arg-type]
    put(filled, patient("c"), author=THEIRS)
    whole = [Given("Goal", "ga", 1, None), Given("Patient", "a", 1, b"{}")]
    filled.database.write(lambda connection: disclose(connection, RECEIVER, whole, 0))
    return {name: Caller(face, folder, bearer(face, name)) for name in given}


def test_without_a_token_nobody_comes_in(by: dict[str, Caller], face: Flask, folder: Path) -> None:
    manifest = by["ours"].export("/fhir/$export?_type=Patient")
    nobody = Caller(face, folder, {})
    for path in ("/fhir/$export", manifest["location"], manifest["output"][0]["url"]):
        answer = nobody.get(path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert manifest["requiresAccessToken"] is True


def test_each_sees_what_it_may(by: dict[str, Caller]) -> None:
    path = "/fhir/$export?_type=Patient,Goal"
    everything = ["Goal/ga", "Goal/gb", "Patient/a", "Patient/b", "Patient/c"]
    assert by["ours"].resources(path) == everything[:4]
    assert by["theirs"].resources(path) == ["Patient/c"]
    assert by["receiver"].resources(path) == ["Goal/ga"]
    assert by["archive"].resources(path) == everything
    assert by["admin"].resources(path) == everything


def test_an_archive_reads_only_export_files(by: dict[str, Caller]) -> None:
    assert by["archive"].get("/fhir/Patient/a").status_code == 403
    assert by["archive"].get("/fhir/Patient").status_code == 403


def test_groups_are_those_of_the_caller(by: dict[str, Caller]) -> None:
    ours, theirs = f"organisation-{OURS.organisation}", f"organisation-{THEIRS.organisation}"
    assert ids(by["ours"].get("/fhir/Group")) == [f"Group/{ours}"]
    assert ids(by["admin"].get("/fhir/Group")) == [f"Group/{ours}", f"Group/{theirs}"]
    assert ids(by["admin"].get(f"/fhir/Group?_id={theirs}")) == [f"Group/{theirs}"]
    assert ids(by["admin"].get(f"/fhir/Group?identifier={theirs}&actual=false")) == [f"Group/{theirs}"]
    assert ids(by["admin"].get("/fhir/Group?actual=true")) == []
    assert parse(by["ours"].get(f"/fhir/Group/{ours}").data)["type"] == "person"
    for path in (f"/fhir/Group/{theirs}", "/fhir/Group/county-10", "/fhir/Group/municipality-285"):
        assert by["ours"].get(path).status_code == 404
    hidden = by["ours"].begin(f"/fhir/Group/{theirs}/$export")
    assert (hidden.status_code, keys(hidden)) == (404, ["export.group"])


def test_an_export_is_its_clients_own(by: dict[str, Caller]) -> None:
    manifest = by["ours"].export("/fhir/$export?_type=Patient")
    for other in ("other", "theirs", "archive", "admin"):
        for path in (manifest["location"], manifest["output"][0]["url"]):
            answer = by[other].get(path)
            assert (answer.status_code, keys(answer)) == (404, ["export.job"])
        assert by[other].http.delete(local(manifest["location"]), headers=by[other].headers).status_code == 404
    assert by["ours"].get(manifest["output"][0]["url"]).status_code == 200


def test_scopes(by: dict[str, Caller], face: Flask, folder: Path) -> None:
    narrow = Caller(face, folder, bearer(face, "ours", "system/Goal.rs"))
    manifest = narrow.export("/fhir/$export")
    assert [one["type"] for one in manifest["output"]] == ["Goal"]
    assert narrow.begin("/fhir/$export?_type=Patient").status_code == 403
    other = Caller(face, folder, bearer(face, "ours", "system/Patient.rs"))
    for path in (manifest["location"], manifest["output"][0]["url"]):
        assert other.get(path).status_code == 403
    writes = Caller(face, folder, bearer(face, "ours", "system/*.cud"))
    assert writes.begin("/fhir/$export").status_code == 403


def test_kick_off_and_downloads_are_in_the_use_log(by: dict[str, Caller]) -> None:
    manifest = by["ours"].export("/fhir/$export?_type=Patient")
    by["ours"].get(manifest["output"][0]["url"])
    events = [one["resource"] for one in parse(by["ours"].get("/fhir/AuditEvent").data)["entry"]]
    text = encode(events).decode()
    assert "system export" in text
    assert "Patient.1.ndjson, 2 resources" in text


def test_capabilities(client: Caller) -> None:
    statement: Any = parse(client.get("/fhir/metadata").data)
    assert statement["instantiates"] == ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]
    rest = statement["rest"][0]
    definition = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
    assert {"name": "export", "definition": f"{definition}export"} in rest["operation"]
    for name, code in (("Patient", "patient-export"), ("Group", "group-export")):
        row = next(one for one in rest["resource"] if one["type"] == name)
        assert {"name": "export", "definition": f"{definition}{code}"} in row["operation"]


def test_a_failed_export_says_so(filled: Store, client: Caller, folder: Path) -> None:
    place = client.begin("/fhir/$export").headers["Content-Location"]
    folder.mkdir()
    (folder / place.rpartition("/")[2]).write_text("in the way")
    one: Runner = runner(filled, folder)
    filled_clock = client.app.extensions["yhdessa-clock"]
    for _ in range(40):
        one.once()
        filled_clock.move(60)
    answer = client.get(place)
    assert (answer.status_code, keys(answer)) == (500, ["export.failed"])
