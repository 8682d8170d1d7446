"""The HTTP face: one file per interaction and operation; `app.create_app` puts them together."""

import sys

# structlog looks for rich at once, for coloured tracebacks that we never print: with what rich brings along that is a
# fifteenth of the start. Where something else has loaded rich already, it stays as it is.
if "rich" not in sys.modules and "structlog" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog  # noqa: F401

    del sys.modules["rich"]
