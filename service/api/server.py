"""gunicorn around the application: threads in a few workers, logs and errors in our own form."""

import json
import logging
import random
import socket
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from service.api.app import HEADERS, create_app
from service.api.engine import load
from service.api.errors import torn
from service.api.logs import configure
from service.api.warming import OneByOne
from service.config import Settings
from service.issues import issue, outcome

if sys.platform == "linux":
    from service.api.threads import Waiting as Threaded
else:
    Threaded = ThreadWorker


class Quiet(Logger):  # type: ignore[misc]
    """gunicorn's own lines go where ours go, in the same form."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = logging.getLogger().level
        # What gunicorn says about starting and stopping is detail; its warnings are not.
        self.error_log.setLevel(max(self.loglevel, logging.WARNING) if self.loglevel > logging.DEBUG else self.loglevel)
        self.error_log.propagate = True


# Of how many connections on a worker no longer takes new ones any less gladly.
_LOADED = 16
# Seconds: a thread that comes back from the database may have what the others wait for, and must not wait long itself.
_SWITCH = 0.0005


class Worker(Threaded):
    """A request that does not even reach the application (no HTTP, endless headers) gets an OperationOutcome too."""

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, or leave it to a worker that has fewer: clients keep theirs, and one could have all."""
        if self.cfg.workers == 1 or random.random() * (1 + min(self.nr_conns, _LOADED)) ** 2 < 1:
            super().accept(listener)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        status, reason = (414, "URI Too Long") if type(exc).__name__ == "LimitRequestLine" else (400, "Bad Request")
        logging.getLogger("yhdessa.http").warning("request that is no HTTP: %s", type(exc).__name__)
        body = json.dumps(outcome([issue("http.bad-request")])).encode()
        headers = {"Connection": "close", "Content-Type": "application/fhir+json; charset=utf-8", **HEADERS}
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1")
        try:
            util.write_nonblock(client, head + body)
        except OSError:
            self.log.debug("the client was gone before the error could be said")


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings instead of its files and flags."""

    def __init__(self, settings: Settings, app: Flask) -> None:
        self._settings = settings
        self._app = app
        self._door = OneByOne(app)
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host.strip("[]") else self._settings.host
        chosen = {
            "bind": f"{host}:{self._settings.port}",
            "workers": self._settings.workers,
            "threads": self._settings.threads,
            "timeout": self._settings.timeout,
            "worker_class": Worker,
            "logger_class": Quiet,
            "preload_app": True,
            "pre_fork": lambda _server, _worker: let_go(self._app),
            "keepalive": 15,
            "control_socket_disable": True,
            "post_worker_init": lambda _worker: self._ready(),
            "worker_exit": lambda _server, _worker: self._app.extensions["yhdessa-exports"].stop(),
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def _ready(self) -> None:
        """What a worker begins with, once it is a process of its own."""
        sys.setswitchinterval(_SWITCH)
        self._door.warm(self._app.extensions["yhdessa"].converter)
        if self._settings.export_runners:
            self._app.extensions["yhdessa-exports"].start()

    def load(self) -> OneByOne:
        return self._door


def let_go(app: Flask) -> None:
    """Close the connections to the database: they must not be shared with a process that is about to be forked."""
    for database in app.extensions["yhdessa-databases"]:
        database.let_go()


def serve(settings: Settings) -> None:
    """Serve until told to stop. Raises what loading raises, before anything listens."""
    configure(settings.log_level)
    settings.data.mkdir(parents=True, exist_ok=True)
    app = create_app(engine=load(settings))
    app.register_error_handler(ParseException, torn)
    Server(settings, app).run()
