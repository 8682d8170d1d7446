"""What the first documents need is compiled in the background, and by one of them at a time.

Maps, rules and words are made when a document first needs them: side by side, two documents would each make all of it.
"""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from service import assets
from service.pipeline import Converter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Seconds: until a client has seen that the service is ready, and how long one document waits for another at most.
PAUSE = 0.05
PATIENCE = 2.0


class OneByOne:
    """A WSGI application that lets in one document after the other, until everything is compiled."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._turn: threading.Lock | None = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        turn = self._turn
        if turn is None or environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        taken = turn.acquire(timeout=PATIENCE)
        try:
            return self._app(environ, start_response)
        finally:
            if taken:
                turn.release()

    def warm(self, converter: Converter) -> threading.Thread:
        """Converts the examples of cases beside what else goes on; the thread ends when everything is compiled."""
        files = sorted((assets.schemas() / "source" / "examples").glob("*-case-*.json"))
        thread = threading.Thread(target=self.run, args=(converter, files), name="warm", daemon=True)
        thread.start()
        return thread

    @property
    def is_warming(self) -> bool:
        """Whether there is still something to compile."""
        return self._turn is not None

    def run(self, converter: Converter, files: Sequence[Path]) -> None:
        """Converts these documents, each in its turn; then all are let in at once."""
        turn = self._turn
        if turn is None:
            return
        threading.Event().wait(PAUSE)
        try:
            for file in files:
                with turn:
                    converter.convert_text(file.read_bytes())
        finally:
            self._turn = None
