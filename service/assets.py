"""Where the data files that belong to the program lie: mappings and schemas, in a checkout or in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent


def mappings() -> Path:
    """The folder of mapping variants (`base`, `yhdessa-tiimi`, …)."""
    return _ROOT / "mappings"


def schemas() -> Path:
    """The folder of JSON Schemas (`source/`) and FHIR artefacts (`fhir/`)."""
    return _ROOT / "schemas"
