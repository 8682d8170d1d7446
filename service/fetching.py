"""Fetch a small file from an address that somebody else has chosen, or call it, without being led into the own network.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import ipaddress
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from service.issues import Issue, issue

TIMEOUT = 5.0
LONGEST = 200_000


class FetchError(ValueError):
    """What could not be fetched; `issue` says why."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.key)
        self.issue = found


def fetch(url: str, *, allow_private: bool = False, timeout: float = TIMEOUT, longest: int = LONGEST) -> bytes:
    """The body at `url` (https), which must answer 200 within `timeout` seconds; redirects are not followed.

    The name is resolved once, and the connection goes to just that address: a public one, unless `allow_private`, which
    allows plain http to this machine as well. Raises `FetchError`.
    """
    status, data, _ = _exchange("GET", url, {"Accept": "application/json"}, allow_private, timeout, longest)
    if status != 200:
        raise _failed(url, f"it answers {status}")
    return data


def call(
    url: str, headers: Mapping[str, str], *, allow_private: bool = False, timeout: float = TIMEOUT
) -> tuple[int, str]:
    """What `url` answers to a POST without a body: its status and its Retry-After. Otherwise as `fetch`."""
    status, _, after = _exchange("POST", url, headers, allow_private, timeout, LONGEST)
    return status, after


def _exchange(
    method: str, url: str, headers: Mapping[str, str], allow_private: bool, timeout: float, longest: int
) -> tuple[int, bytes, str]:
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _failed(url, "the port is none") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
        raise _failed(url, "it is no https address")
    address = _address(url, parts.hostname, port, allow_private)
    if parts.scheme == "http" and not (allow_private and address.is_loopback):
        raise _failed(url, "it is not https")
    from urllib3.exceptions import HTTPError

    try:
        return _send(method, url, str(address), port, headers, timeout, longest)
    except (HTTPError, OSError) as error:
        raise _failed(url, type(error).__name__) from None


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the address belongs to the open internet; one inside another (IPv4 in IPv6) counts as what it is."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(inner)
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


def _address(url: str, host: str, port: int, allow_private: bool) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _failed(url, "the name is not known") from None
    addresses = [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in found]
    # One that is not public among several means that somebody plays with the name.
    if not addresses or not (allow_private or all(map(is_public, addresses))):
        raise _failed(url, "it leads into a private network")
    return addresses[0]


def _send(
    method: str, url: str, address: str, port: int, headers: Mapping[str, str], timeout: float, longest: int
) -> tuple[int, bytes, str]:
    import urllib3

    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    limits = urllib3.Timeout(total=timeout)
    told = {**headers, "Host": parts.netloc, "User-Agent": "yhdessa-fhir"}
    if parts.scheme == "https":
        pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(
            address, port, timeout=limits, server_hostname=parts.hostname, assert_hostname=parts.hostname
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=limits)
    deadline = time.monotonic() + timeout
    body = b"" if method == "POST" else None
    with pool:
        answer = pool.urlopen(
            method, path, body=body, headers=told, redirect=False, retries=False, preload_content=False
        )
        try:
            data = b""
            while part := answer.read1(min(65536, longest + 1)):
                data += part
                if len(data) > longest or time.monotonic() > deadline:
                    raise _failed(url, "it is too long or too slow")
            return answer.status, data, answer.headers.get("Retry-After", "")
        finally:
            answer.close()


def _failed(url: str, reason: str) -> FetchError:
    # Without the query: it can hold a secret.
    return FetchError(issue("auth.fetch", url=url.partition("?")[0], reason=reason))
