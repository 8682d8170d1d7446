"""gunicorn's threads, all waiting at one door: whichever wakes answers the request, and nothing is handed on.

gunicorn's own pool wakes its main thread for each request, that a thread of the pool, and that the main thread again to
wait for the next one: most of what a small answer costs. https://man7.org/linux/man-pages/man7/epoll.7.html
"""

import functools
import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.http import message, wsgi  # type: ignore[import-untyped]
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

# Told once, to one thread, until it says that it may be told again.
_ONCE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT
# Seconds a thread waits at most: so long one that is to end may take to see it.
_LOOK = 1.0
# How long headers may be, in bytes, to be remembered as long as their connection is kept.
_REMEMBERED = 4096


@dataclass(slots=True)
class Said:
    """The headers that came last over a connection: their text and what it meant."""

    text: bytes | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    scheme: str = ""


class Request(message.Request):  # type: ignore[misc]
    """A request whose headers are not read again where its client says them word for word again."""

    def __init__(self, said: Said, *given: Any) -> None:
        self._said = said
        super().__init__(*given)

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        said = self._said
        if not from_trailer and data == said.text:
            self.scheme: str = said.scheme
            return list(said.headers)
        found: list[tuple[str, str]] = super().parse_headers(data, from_trailer)
        if not from_trailer and not self._expected_100_continue and len(data) <= _REMEMBERED:
            said.text, said.headers, said.scheme = data, list(found), self.scheme
        return found


class Parser(RequestParser):  # type: ignore[misc]
    """Reads the requests of one connection."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.mesg_class = functools.partial(Request, Said())

    def finish_body(self, *limits: Any, **named: Any) -> bool:
        """Read what is left of a body of a declared length or of none, where anything is."""
        is_read = self.mesg is not None and getattr(self.mesg.body.reader, "length", None) == 0
        return is_read or bool(super().finish_body(*limits, **named))


class Response(wsgi.Response):  # type: ignore[misc]
    """An answer that leaves in one piece, where it is in one."""

    def write(self, part: bytes) -> None:
        is_whole = self.response_length == len(part) and self.req.version == (1, 1)
        if self.headers_sent or self._omits_body or not is_whole:
            super().write(part)
            return
        self.headers_sent: bool = True
        self.sent: int = len(part)
        self.sock.sendall(self._head() + part)

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Look at all of them at once, and only where one stands out at each."""
        names = [name.lower() for name, _ in headers]
        are_names = all(names) and wsgi.TOKEN_RE.fullmatch("".join(names))
        are_values = wsgi.HEADER_VALUE_RE.fullmatch("".join([value for _, value in headers]))
        if not are_names or not are_values or not util.hop_headers.isdisjoint(names):
            super().process_headers(headers)
            return
        self.headers: list[tuple[str, str]] = headers
        if "content-length" in names:
            self.response_length: int | None = int(headers[names.index("content-length")][1])

    def _head(self) -> bytes:
        connection = "close" if self.should_close() else "keep-alive"
        first = f"HTTP/1.1 {self.status}\r\nServer: {self.version}\r\nDate: {_date(int(time.time()))}\r\n"
        lines = [f"{name}: {value}\r\n" for name, value in self.headers]
        return f"{first}Connection: {connection}\r\n{''.join(lines)}\r\n".encode("latin-1")


@functools.lru_cache(1)
def _date(second: int) -> str:
    return str(util.http_date(second))


class Threads:
    """What gunicorn expects of a pool: something that can be told to end."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def shutdown(self, wait: bool = False) -> None:
        self.ended.set()


class Waiting(ThreadWorker):  # type: ignore[misc]
    """A worker whose main thread only takes connections and closes those that are no longer used."""

    def init_process(self) -> None:
        self._epoll = select.epoll()
        # What gunicorn asks about at each request stands here for good.
        self.cfg.__dict__.update({name: one.get() for name, one in self.cfg.settings.items()})
        # By their descriptor. Who takes one out has it, a thread to answer or the main thread to close.
        self._idle: dict[int, Any] = {}
        super().init_process()

    def get_thread_pool(self) -> Threads:
        return Threads()

    def run(self) -> None:
        for number in range(self.cfg.threads):
            threading.Thread(target=self._answer, name=f"http-{number}", daemon=True).start()
        super().run()

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection, where no other worker was first, and wait for its first request."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.parser = Parser(self.cfg, client, address)
        conn.data_ready = True  # Whoever is woken for it has something to read.
        conn.set_timeout()
        self._idle[client.fileno()] = conn
        self._epoll.register(client, _ONCE)

    def murder_keepalived(self, force: bool = False) -> None:
        now = time.monotonic()
        for number, conn in list(self._idle.items()):
            if (force or conn.timeout <= now) and self._idle.pop(number, None) is conn:
                conn.close()
                self._gone()

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in list(self._idle.values()):
            conn.timeout = min(conn.timeout, deadline)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request; gives whether its connection can be used again."""
        response, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg, Response)
        environ["wsgi.multithread"] = True
        if not self.alive:
            response.force_close()
        parts = self.wsgi(environ, response.start_response)
        try:
            for part in parts:
                response.write(part)
            response.close()
        except OSError:
            raise
        except Exception:
            if not response.headers_sent:
                raise
            # What makes the parts may raise anything, and nothing that could be said would be understood in the middle.
            self.log.exception("an answer was broken off")
            return False
        finally:
            if hasattr(parts, "close"):
                parts.close()
        return not response.should_close()

    def _answer(self) -> None:
        """What each thread does until the worker ends."""
        while not self.tpool.ended.is_set():
            for number, _ in self._epoll.poll(_LOOK, 1):
                conn = self._idle.pop(number, None)
                if conn is not None:
                    self._serve(number, conn)

    def _serve(self, number: int, conn: Any) -> None:
        kept = bool(self.handle(conn))
        while kept and conn.parser.unreader.buf.getvalue():
            # The next request was read with the end of this one: nobody would be told of it.
            kept = bool(self.handle(conn))
        if kept:
            conn.set_timeout()
            self._idle[number] = conn
            with suppress(OSError):  # The worker ends, and it is closed already.
                self._epoll.modify(number, _ONCE)
        else:
            conn.close(graceful=True)
            self.method_queue.defer(self._gone)

    def _gone(self) -> None:
        self.nr_conns -= 1
