"""What the worker does instead of gunicorn: the headers of an answer, the headers of a request."""

import socket
from types import SimpleNamespace

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName  # type: ignore[import-untyped]

from service.api.threads import Parser, Response


def answered(*headers: tuple[str, str]) -> Response:
    one = Response(SimpleNamespace(method="GET", version=(1, 1)), None, Config())
    one.start_response("200 OK", list(headers))
    return one


def test_headers_of_an_answer() -> None:
    one = answered(("Content-Type", "text/plain"), ("Content-Length", "3"))
    assert (one.headers, one.response_length) == ([("Content-Type", "text/plain"), ("Content-Length", "3")], 3)
    # Of the connection only the server speaks.
    assert answered(("ETag", 'W/"1"'), ("Connection", "close")).headers == [("ETag", 'W/"1"')]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("X", "a\r\nSet-Cookie: b", InvalidResponseHeader),
        ("X", "a\x00", InvalidResponseHeader),
        ("X: a\r\nY", "b", InvalidResponseHeaderName),
        ("", "b", InvalidResponseHeaderName),
    ],
)
def test_no_answer_has_a_header_that_nobody_meant(name: str, value: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        answered(("Content-Type", "text/plain"), (name, value))


def test_each_request_has_its_own_headers() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        parser = Parser(Config(), ours, ("127.0.0.1", 4000))
        said = [b"Host: a\r\nX-One: 1\r\n"] * 2 + [b"Host: a\r\nX-One: 2\r\n", b"", b"Host: a\r\nX-One: 1\r\n"]
        found = []
        for head in said:
            theirs.sendall(b"GET / HTTP/1.1\r\n" + head + b"\r\n")
            request = next(parser)
            found.append(dict(request.headers))
            # Whoever changes them changes those of no other request.
            request.headers.append(("X-TWO", "2"))
        once, twice = {"HOST": "a", "X-ONE": "1"}, {"HOST": "a", "X-ONE": "2"}
        assert found == [once, once, twice, {}, once]


def test_who_waits_to_be_asked_on_is_asked_each_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        parser = Parser(Config(), ours, ("127.0.0.1", 4000))
        for _ in range(2):
            theirs.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1")
            assert next(parser)._expected_100_continue
