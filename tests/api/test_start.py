"""What a start must not load: each of these takes its time, and only some requests need it."""

import subprocess
import sys
from pathlib import Path

HEAVY = {
    "alembic",
    "babel",
    "bagit",
    "cryptography",
    "fsspec",
    "joserfc",
    "jsonschema",
    "paramiko",
    "psycopg",
    "pyarrow",
    "pydantic",
    "requests",
    "rich",
    "s3fs",
    "service.fhir.path.compiler",
    "service.mapping.compiler",
    "service.mapping.parser",
    "service.print.layout",
    "service.validation.validator",
    "sqlalchemy.dialects.postgresql",
    "typst",
    "yaml",
}
_PROGRAM = """
import sys
from pathlib import Path
from service.api.app import create_app
from service.api.engine import load
from service.api.server import Server
from service.config import load as settings
app = create_app(engine=load(settings(data=Path(sys.argv[1]), log_level="error")))
assert app.test_client().get("/ready").status_code == 200
print(*sys.modules)
"""


def test_what_a_start_does_not_load(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "service.api.app" in loaded
    assert loaded & HEAVY == set()
