"""Our outputs before two JavaScript validators, @medplum/core and npm `fhir`. Run by `make interop`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from service.fhir.json import encode
from tests.interop import material
from tests.interop.nodes import Json

HERE = Path(__file__).parent
# What both must refuse, so that their silence about the rest says something.
BROKEN: Json = {"resourceType": "Patient", "birthDate": 7, "nam": [{"family": "Meikäläinen"}]}


def main() -> int:
    """Print what each found; 1 where one refuses an output of ours, or lets through what is broken."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            print(f"interop: {program} is not installed here; the JavaScript validators are left out")
            return 0
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
    subprocess.run(install, cwd=HERE, check=True, stdout=sys.stderr)
    outputs = material.outputs()
    rows: dict[str, Json] = {**outputs.resources, **outputs.bundles, "broken": BROKEN}
    lines = b"\n".join(encode({"id": name, "resource": one}) for name, one in rows.items())
    done = subprocess.run(["node", "medplum.mjs"], cwd=HERE, input=lines, stdout=subprocess.PIPE, check=True)
    answer = json.loads(done.stdout)
    wrong = 0
    print(f"\n{answer['judged'] - 1} of our resources and Bundles before JavaScript validators")
    for name, found in answer["found"].items():
        ours = [one for one in found if one["id"] != "broken"]
        blind = len(ours) == len(found)
        print(f"{name:16}{len(ours):6} errors{', and it lets through what is broken' if blind else ''}")
        for one in ours[:10]:
            print(f"  {one['id']}: {one['place']}: {one['message']}")
        wrong += len(ours) + blind
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
