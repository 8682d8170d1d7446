"""A PostgreSQL server of the tests' own: made in a temporary folder, reached over a socket in it, thrown away."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")


def binaries() -> Path | None:
    """The folder with `initdb` and `pg_ctl`, the newest there is."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [folder for place in _PLACES for folder in Path("/").glob(place.lstrip("/"))]
    usable = [folder for folder in folders if (folder / "initdb").exists()]
    return max(usable, key=lambda folder: [int(part) for part in folder.parts if part.isdigit()], default=None)


def _unprivileged() -> dict[str, object]:
    """How to run the server: it refuses root, so root runs it as `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return {}
    names = {one.pw_name for one in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody", "group": None, "extra_groups": []}


def unprivileged_in(folder: Path) -> dict[str, object]:
    """How to run the server with its data in `folder`, which becomes its own."""
    how = _unprivileged()
    if how:
        entry = pwd.getpwnam(str(how["user"]))
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        how["group"] = entry.pw_gid
    return how


@contextmanager
def server(bin_folder: Path, *, durable: bool = False) -> Iterator[str]:
    """A running server; gives how to reach it. Unless `durable`, it does not wait for the disk."""
    with tempfile.TemporaryDirectory(prefix="yhdessa-pg-", dir="/tmp") as name:
        folder = Path(name)
        how = unprivileged_in(folder)
        run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, **how}
        subprocess.run(
            [bin_folder / "initdb", "-D", folder / "data", "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync"],
            **run,  # type: ignore[call-overload]
        )
        options = f"-k {folder} -c listen_addresses= -c max_connections=200{'' if durable else ' -c fsync=off'}"
        start = ["-D", folder / "data", "-l", folder / "log", "-w", "-o", options, "start"]
        subprocess.run([bin_folder / "pg_ctl", *start], **run)  # type: ignore[call-overload]
        try:
            yield f"host={folder} user=test"
        finally:
            stop = ["-D", folder / "data", "-m", "immediate", "-w", "stop"]
            subprocess.run([bin_folder / "pg_ctl", *stop], **run)  # type: ignore[call-overload]


def drop_database(where: str, url: str) -> None:
    """Take away what `new_database` made."""
    name = url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(f"{where} dbname=postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def new_database(where: str) -> str:
    """The URL of a new empty database on that server."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(f"{where} dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    parts = dict(one.split("=", 1) for one in where.split())
    return f"postgresql+psycopg://{parts['user']}@/{name}?host={parts['host']}"
