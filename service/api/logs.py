"""Log lines as JSON on standard error, with one redaction step that every line passes."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from service.issues import masked

# Whatever stands under these keys is about a person; it never belongs into a log line.
PERSONAL = frozenset(
    {"address", "birthDate", "body", "content", "display", "document", "family", "given", "name", "text", "telecom"}
)
HIDDEN = "…"


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The structlog processor: personal keys hidden, everything that looks like a HETU masked."""
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
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _frames,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def _frames(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception becomes its type and where it happened: its message may quote a document."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else None
    if error is not None:
        event["exception"] = type(error).__name__
        event["frames"] = frames(error)
    event.pop("exc_text", None)
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
