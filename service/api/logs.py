"""Log lines as JSON on standard error, with one redaction step that every line passes."""

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO

import structlog

from service.issues import masked

# Whatever stands under these keys is about a person; it never belongs into a log line.
PERSONAL = frozenset(
    {"address", "birthDate", "body", "content", "display", "document", "family", "given", "name", "text", "telecom"}
)
HIDDEN = "…"
# What each line says beside its own words, as which request it belongs to.
BESIDE: ContextVar[Mapping[str, str]] = ContextVar("beside", default=MappingProxyType({}))
_ROOT = logging.getLogger()
_LEVELS = {name.lower(): level for name, level in logging.getLevelNamesMapping().items()}
# One encoder for all: to make it costs as much as to use it.
_encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def redact(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same with personal keys hidden and everything that looks like a HETU masked."""
    return {key: HIDDEN if key in PERSONAL else _clean(value) for key, value in event.items()}


def without(text: str, body: Any) -> str:
    """`text` with every string of `body` (parsed JSON), and every word of them, hidden.

    For the message of an unforeseen exception, which may quote what a client has sent.
    """
    words = {word for string in _strings(body) for word in (string, *string.split()) if len(word) > 2}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, HIDDEN)
    return masked(text)


def configure(level: str) -> None:
    """Send structlog's and the standard library's lines to standard error; call once at start-up."""
    structlog.configure(
        processors=[_own],
        logger_factory=Logger,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    _ROOT.handlers = [Lines(sys.stderr)]
    _ROOT.setLevel(level.upper())


class Lines(logging.StreamHandler[TextIO]):
    """Writes the lines of the standard library, and our own, which come without a record around them."""

    def format(self, record: logging.LogRecord) -> str:
        info = {"exc_info": record.exc_info} if record.exc_info else {}
        return line(record.name, record.levelname.lower(), {"event": record.getMessage(), **info})

    def say(self, text: str) -> None:
        """Write a line that is ready. Whoever cannot write a log line goes on all the same."""
        self.acquire()
        try:
            with suppress(OSError, ValueError):
                self.stream.write(text + self.terminator)
                self.stream.flush()
        finally:
            self.release()


class Logger:
    """Where structlog's lines end. It has the level of the standard library's logger with this name."""

    def __init__(self, name: str = "yhdessa") -> None:
        self.name = name
        self.wants = logging.getLogger(name).isEnabledFor

    def msg(self, text: str) -> None:
        for handler in _ROOT.handlers:
            if isinstance(handler, Lines):
                handler.say(text)

    debug = info = warning = error = critical = msg


def line(name: str, level: str, event: MutableMapping[str, Any]) -> str:
    """What a logger says, as it is written."""
    moment = datetime.now(UTC).replace(tzinfo=None).isoformat()
    event.update(BESIDE.get(), level=level, logger=name, timestamp=f"{moment}Z")
    return _encode(redact(_framed(event)))


def _own(logger: Logger, method: str, event: MutableMapping[str, Any]) -> str:
    if not logger.wants(_LEVELS[method]):
        raise structlog.DropEvent
    return line(logger.name, method, event)


def _framed(event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception becomes its type and where it happened: its message may quote a document."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else None
    if error is not None:
        event["exception"] = type(error).__name__
        event["frames"] = frames(error)
    return event


def frames(error: BaseException) -> list[str]:
    """`file:line function` of every frame, outermost first, without any value."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {key: HIDDEN if key in PERSONAL else _clean(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(child) for child in value]
    return value


def _strings(value: Any) -> list[str]:
    found: list[str] = []
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            found.append(node)
        elif isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return found
