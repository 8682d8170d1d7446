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
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.http import wsgi  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

# Told once, to one thread, until it says that it may be told again.
_ONCE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT
# Seconds a thread waits at most: so long one that is to end may take to see it.
_LOOK = 1.0


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

    def _head(self) -> bytes:
        connection = "close" if self.should_close() else "keep-alive"
        lines = [f"HTTP/1.1 {self.status}", f"Server: {self.version}", f"Date: {_date(int(time.time()))}"]
        lines += [f"Connection: {connection}", *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")


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
            # Nothing that could be said would be understood in the middle of an answer.
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
