"""Where the shared test data lie: suites and packages that nobody on this project wrote."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared(*parts: str) -> Path:
    """The path of a shared file; skips the test where the folder is missing, and fails instead in CI."""
    folder = Path(os.environ.get("YHDESSA_SHARED", ROOT.parent / "shared"))
    path = folder.joinpath(*parts)
    if not path.exists():
        reason = f"shared test data are missing: {'/'.join(parts)} (set YHDESSA_SHARED to the folder that holds them)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
