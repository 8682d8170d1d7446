"""The FHIR clients of others against the running service: create, read, search, page, update, transact."""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from service.cli.client import Server, free_port
from tests.api.rest import bundle, entry, goal, patient


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    data = str(tmp_path_factory.mktemp("data"))
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--data", data]
    with Server(command, f"http://127.0.0.1:{port}") as one:
        yield f"{one.url}/fhir"


def test_fhirclient(base: str) -> None:
    from fhirclient.client import FHIRClient
    from fhirclient.models.humanname import HumanName
    from fhirclient.models.patient import Patient
    from requests import HTTPError

    smart = FHIRClient(settings={"app_id": "tests", "api_base": base})
    smart.prepare()
    made = Patient()
    made.name = [HumanName({"family": "Asiakas", "given": ["Aino"]})]
    id_ = made.create(smart.server)["id"]
    found = Patient.read(id_, smart.server)
    assert found.name[0].family == "Asiakas"
    found.active = True
    found.update(smart.server)
    assert Patient.read(id_, smart.server).active is True
    for number in range(5):
        extra = Patient()
        extra.name = [HumanName({"family": "Asiakas", "given": [f"Lapsi{number}"]})]
        extra.create(smart.server)
    search = Patient.where({"family": "Asiakas", "_count": "2"})
    assert len(list(search.perform_resources_iter(smart.server))) == 6
    found.delete(smart.server)
    with pytest.raises(HTTPError, match="410"):
        Patient.read(id_, smart.server)


def test_fhirpy(base: str) -> None:
    from fhirpy import SyncFHIRClient
    from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

    client = SyncFHIRClient(base)
    made = client.resource("Patient", **{key: value for key, value in patient().items() if key != "resourceType"})
    made.save()
    got = client.reference("Patient", made["id"]).to_resource()
    got["active"] = True
    got.save()
    got["gender"] = "female"
    got.save()
    assert client.resources("Patient").search(_id=made["id"]).first()["gender"] == "female"
    for number in range(5):
        one = goal(f"Patient/{made['id']}", description={"text": f"goal {number}"})
        client.resource("Goal", **{key: value for key, value in one.items() if key != "resourceType"}).save()
    goals = client.resources("Goal").search(patient=made["id"]).limit(2)
    assert len(goals.fetch_all()) == 5
    assert client.resources("Goal").search(patient=made["id"]).count() == 5
    with_patient = client.resources("Goal").include("Goal", "patient").limit(1).fetch_raw()
    assert {one["resource"]["resourceType"] for one in with_patient["entry"]} == {"Goal", "Patient"}
    sent = bundle("transaction", entry("POST", "Goal", goal(f"Patient/{made['id']}")))
    done = client.resource("Bundle", **{key: value for key, value in sent.items() if key != "resourceType"})
    answer = client.execute("", method="post", data=done.serialize())
    assert answer["entry"][0]["response"]["status"] == "201 Created"
    with pytest.raises(OperationOutcome):
        client.resource("Patient", gender="F").save()
    with pytest.raises(ResourceNotFound):
        client.reference("Patient", "none").to_resource()
    everything = made.execute("$everything", method="get")
    assert len(everything["entry"]) == 7


def test_fhirpy_at_once(base: str) -> None:
    from fhirpy import AsyncFHIRClient

    async def work() -> list[str]:
        client = AsyncFHIRClient(base)

        async def once() -> str:
            one = client.resource("Patient", identifier=[{"system": "urn:oid:2.999.1", "value": "same"}])
            found = client.resources("Patient").search(identifier="urn:oid:2.999.1|same")
            return str((await found.get_or_create(one))[0]["id"])

        return await asyncio.gather(*(once() for _ in range(12)))

    assert len(set(asyncio.run(work()))) == 1
