"""Fetching keys: only public addresses, only https, only what is small and quick."""

import http.server
import ipaddress
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from service.fetching import FetchError, fetch, is_public


class Answers(http.server.BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/slow":
            for _ in range(50):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return
                time.sleep(0.1)
        self.wfile.write(b"x" * 1000 if self.path == "/long" else b"good")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_what_is_public(address: str, expected: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is expected


def test_what_may_be_fetched(base: str) -> None:
    assert fetch(f"{base}/good", allow_private=True) == b"good"
    assert fetch(f"{base}/good?a=b", allow_private=True) == b"good"
    assert Answers.asked[-1] == "/good?a=b"


@pytest.mark.parametrize("path", ["/moved", "/long", "/slow"])
def test_what_is_not_taken(base: str, path: str) -> None:
    started = time.monotonic()
    with pytest.raises(FetchError):
        fetch(f"{base}{path}", allow_private=True, longest=500, timeout=1)
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/jwks",
        "https://localhost/jwks",
        "https://[::1]/jwks",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "http://example.com/jwks",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://user:pass@example.com/",
        "https://example.com:99999/",
        "https:///x",
        "x",
    ],
)
def test_what_is_never_tried(url: str) -> None:
    with pytest.raises(FetchError) as error:
        fetch(url)
    assert error.value.issue.key == "auth.fetch"


def test_nothing_is_asked_of_a_private_address(base: str) -> None:
    before = len(Answers.asked)
    with pytest.raises(FetchError):
        fetch(f"{base}/good")
    assert len(Answers.asked) == before
