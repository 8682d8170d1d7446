"""One drop of each kind, over a folder, an SFTP server and an S3 server on this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from service.drops import Drop, open_drop
from tests.drops.sftp_server import SftpDouble, sftp_server


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpDouble]:
    with sftp_server(tmp_path / "sftp") as double:
        yield double


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, Any]]]:
    """A new bucket's address, and the options that open it."""
    monkeypatch.setenv("TEST_S3_ID", "synthetic")
    monkeypatch.setenv("TEST_S3_SECRET", "synthetic-secret")
    options = {
        "endpoint": s3_endpoint,
        "region": "us-east-1",
        "key_id_env": "TEST_S3_ID",
        "secret_env": "TEST_S3_SECRET",
    }
    bucket = f"bucket-{abs(hash(tmp_path)):x}"
    requests.put(f"{s3_endpoint}/{bucket}", timeout=30).raise_for_status()
    yield f"s3://{bucket}/in", options


@pytest.fixture(params=["file", "sftp", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Drop]:
    """Opens the same place again and again, each time as another process would."""
    if request.param == "file":
        (tmp_path / "in").mkdir()
        return lambda: open_drop((tmp_path / "in").as_uri())
    if request.param == "sftp":
        double = request.getfixturevalue("sftp")
        (double.root / "in").mkdir()
        key = tmp_path / "key"
        double.user_key.write_private_key_file(str(key))
        hosts = double.known_hosts(tmp_path / "known_hosts")
        return lambda: open_drop(f"{double.url}/in", {"known_hosts": str(hosts), "key_file": str(key)})
    url, options = request.getfixturevalue("s3")
    return lambda: open_drop(url, options)
