"""The FHIR clients of the JavaScript world against the running service, with tokens. Run by `make interop`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from service.cli.client import Server, free_port

HERE = Path(__file__).parent
CLIENTS = {"fhir-kit-client": "clients_kit.mjs", "@medplum/core": "clients_medplum.mjs"}
YHDESSA = [sys.executable, "-m", "service.cli"]


def main() -> int:
    """Print what each could do; 1 where one could not do something."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            print(f"interop: {program} is not installed here; the JavaScript clients are left out")
            return 0
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
    subprocess.run(install, cwd=HERE, check=True, stdout=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        return _run(Path(folder))


def _run(folder: Path) -> int:
    data, key, port = str(folder / "data"), folder / "key.json", free_port()
    who = ["interop", "--organisation", "2.999.13.10.1", "--role", "source", "--new-key", str(key), "--data", data]
    subprocess.run([*YHDESSA, "clients", "add", *who], check=True, stdout=subprocess.DEVNULL)
    wrong = 0
    with Server([*YHDESSA, "serve", "--port", str(port), "--data", data], f"http://127.0.0.1:{port}") as server:
        environment = {**os.environ, "BASE": server.url, "CLIENT": "interop", "KEY": str(key), "NO_PROXY": "127.0.0.1"}
        for name, program in CLIENTS.items():
            done = subprocess.run(["node", program], cwd=HERE, env=environment, stdout=subprocess.PIPE, check=True)
            found: dict[str, str] = json.loads(done.stdout)
            failed = {what: why for what, why in found.items() if why}
            print(f"\n{name}: {', '.join(what for what in found if what not in failed)}")
            for what, why in failed.items():
                print(f"  not {what}: {why}")
            wrong += len(failed)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
