"""The call in hand: its request and what is known of it, had in one step.

Flask's own names (`request`, `g`, `current_app`) find it anew at each use, and what a request does not have costs it an
exception. What every call asks about is asked here.
"""

import functools
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, Request

if TYPE_CHECKING:
    from service.api.caller import Caller
    from service.api.use import Use

T = TypeVar("T", str, None)


@dataclass(slots=True)
class Call:
    """A request and what has become known of it: its `id`, who makes it, what it does and what it was refused for.

    `started` is what `time.perf_counter` said, `is_pretty` whether its answer is to be indented; `issue_keys` are the
    kinds of the errors that were told.
    """

    app: Flask
    request: Request
    started: float
    use: "Use"
    caller: "Caller"
    id: str = ""
    is_pretty: bool = False
    issue_keys: tuple[str, ...] = ()

    def header(self, name: str, default: T) -> str | T:
        """What a header says that is not about the body."""
        found: str | T = self.request.environ.get(_variable(name), default)
        return found

    def parameter(self, name: str, default: T) -> str | T:
        """The first value of a parameter of the address."""
        request = self.request
        return request.args.get(name, default) if request.query_string else default


@functools.cache
def _variable(header: str) -> str:
    """Where WSGI has a header."""
    return f"HTTP_{header.upper().replace('-', '_')}"


OVER: Any = None
CALL: ContextVar[Call] = ContextVar("call")
call = CALL.get
