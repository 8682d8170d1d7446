"""How an answer leaves, whatever its body is made of."""

from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from service.api.answers import Answer


@pytest.mark.parametrize("body", ["äiti", "äiti".encode(), ["ä", "iti"], ["ä".encode(), b"iti"]])
def test_a_body_leaves_encoded_and_with_its_length(body: Any) -> None:
    parts, status, headers = run_wsgi_app(Answer(body), EnvironBuilder().get_environ())
    assert (b"".join(parts), status, headers["Content-Length"]) == ("äiti".encode(), "200 OK", "5")


def test_further_headers_leave_with_each_answer() -> None:
    for body in ("", [b""], [b"a", b"b"]):
        one = Answer(body)
        one.further = [("X-One", "1")]
        for method in ("GET", "HEAD"):
            _, _, headers = run_wsgi_app(one, EnvironBuilder(method=method).get_environ())
            assert headers.getlist("X-One") == ["1"]
