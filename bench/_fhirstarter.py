"""A server of the framework fhirstarter, made as its own example is: a dictionary for a database, JSON text in it.

`python _fhirstarter.py PORT FILE`: FILE holds Patients as NDJSON, which each worker has from the start.
https://pypi.org/project/fhirstarter/
"""

import os
import socket
import sys
from pathlib import Path
from uuid import uuid4

import uvicorn
from fhir.resources.bundle import Bundle
from fhir.resources.patient import Patient
from fhirstarter import FHIRProvider, FHIRStarter, InteractionContext
from fhirstarter.exceptions import FHIRResourceNotFoundError

app = FHIRStarter(title="bench")
provider = FHIRProvider()
PATIENTS: dict[str, str] = {}
BY_IDENTIFIER: dict[str, list[str]] = {}


def keep(patient: Patient) -> None:
    PATIENTS[patient.id] = patient.model_dump_json()
    for one in patient.identifier or ():
        BY_IDENTIFIER.setdefault(f"{one.system}|{one.value}", []).append(patient.id)


@provider.read(Patient)
async def read(context: InteractionContext, id_: str) -> Patient:
    found = PATIENTS.get(id_)
    if found is None:
        raise FHIRResourceNotFoundError
    return Patient.model_validate_json(found)


@provider.create(Patient)
async def create(context: InteractionContext, resource: Patient) -> str:
    resource.id = str(uuid4())
    keep(resource)
    return resource.id


@provider.search_type(Patient)
async def search(context: InteractionContext, identifier: str | None) -> Bundle:
    ids = BY_IDENTIFIER.get(identifier or "", [])
    entries = [{"resource": Patient.model_validate_json(PATIENTS[one]).model_dump()} for one in ids]
    return Bundle.model_validate({"type": "searchset", "total": len(ids), "entry": entries})


app.add_providers(provider)


def main(port: int, file: str) -> None:
    """Serve from two processes."""
    for line in Path(file).read_text("utf-8").splitlines():
        keep(Patient.model_validate_json(line))
    listening = socket.create_server(("127.0.0.1", port), backlog=64)
    os.fork()
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    server.run(sockets=[listening])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
