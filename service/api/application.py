"""Flask without what nobody uses here, which would be asked about at each request: sessions, coroutines, host names.

https://flask.palletsprojects.com/en/stable/api/#flask.Flask
"""

import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from flask.ctx import RequestContext
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import get_host

from service.api.answers import Answer
from service.api.call import CALL, OVER, Call
from service.api.caller import NOBODY
from service.api.use import Use


class _NoSessions(SessionInterface):
    """Nothing is kept from one request to the next."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none

    def is_null_session(self, obj: object) -> bool:
        return True


class Application(Flask):
    """Flask as it is needed here; each request is also the `Call` in hand."""

    session_interface = _NoSessions()
    response_class = Answer

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        made = super().request_context(environ)
        CALL.set(Call(self, made.request, time.perf_counter(), Use(), NOBODY))
        return made

    def do_teardown_request(self, *error: Any) -> None:
        super().do_teardown_request(*error)
        # The body of a request must not be kept until the thread has another one.
        CALL.set(OVER)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What finds the route: the same at whatever name the service is reached."""
        if request is None:
            return None
        # A name that cannot be one ends the request.
        request.host = get_host(request.environ)
        return MapAdapter(
            self.url_map,
            request.host,
            request.root_path,
            "",
            request.scheme,
            request.path,
            request.method,
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func
