"""Flask without what nobody uses here, which would be asked about at each request.

Sessions, coroutines, names of hosts, and what is done around the requests of one blueprint alone.

https://flask.palletsprojects.com/en/stable/api/#flask.Flask
"""

import functools
import time
from collections.abc import Callable
from typing import Any, cast

from flask import Flask, Request, Response
from flask.ctx import RequestContext
from flask.sansio.blueprints import Blueprint
from flask.sessions import NullSession, SessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import get_host

from service.api.answers import Answer
from service.api.call import CALL, OVER, Call
from service.api.caller import NOBODY
from service.api.use import Use

# What of an environment says by which name the service was reached.
_ADDRESS = ("wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT")


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

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """As Flask does; a blueprint with hooks of its own is refused, since they would be passed over in silence."""
        super().register_blueprint(blueprint, **options)
        of_all = (self.before_request_funcs, self.after_request_funcs, self.teardown_request_funcs)
        if self.url_value_preprocessors or any(name is not None and hooks[name] for hooks in of_all for name in hooks):
            raise TypeError(f"the blueprint {blueprint.name} has hooks of its own: give them to the application")

    def preprocess_request(self) -> ResponseReturnValue | None:
        for hook in self.before_request_funcs[None]:
            done: Any = hook()
            if done is not None:
                return cast(ResponseReturnValue, done)
        return None

    def process_response(self, response: Response) -> Response:
        for hook in reversed(self.after_request_funcs[None]):
            response = cast(Any, hook)(response)
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        for hook in reversed(self.teardown_request_funcs[None]):
            hook(exc)
        # The body of a request must not be kept until the thread has another one.
        CALL.set(OVER)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What finds the route: the same at whatever name the service is reached."""
        if request is None:
            return None
        # A name that cannot be one ends the request.
        request.host = _host(*map(request.environ.get, _ADDRESS))
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


# A client says the same each time.
@functools.lru_cache(256)
def _host(*said: Any) -> str:
    return get_host({name: value for name, value in zip(_ADDRESS, said, strict=True) if value is not None})
