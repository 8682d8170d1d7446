"""Fetch a small file from an address that somebody else has chosen, without being led into the own network.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import ipaddress
import socket
import time
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

    path = parts.path or "/"
    try:
        return _get(url, str(address), port, f"{path}?{parts.query}" if parts.query else path, timeout, longest)
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


def _get(url: str, address: str, port: int, path: str, timeout: float, longest: int) -> bytes:
    import urllib3

    parts = urlsplit(url)
    limits = urllib3.Timeout(total=timeout)
    headers = {"Host": parts.netloc, "Accept": "application/json", "User-Agent": "yhdessa-fhir"}
    if parts.scheme == "https":
        pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(
            address, port, timeout=limits, server_hostname=parts.hostname, assert_hostname=parts.hostname
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=limits)
    deadline = time.monotonic() + timeout
    with pool:
        answer = pool.urlopen("GET", path, headers=headers, redirect=False, retries=False, preload_content=False)
        try:
            if answer.status != 200:
                raise _failed(url, f"it answers {answer.status}")
            data = b""
            while part := answer.read1(min(65536, longest + 1)):
                data += part
                if len(data) > longest or time.monotonic() > deadline:
                    raise _failed(url, "it is too long or too slow")
            return data
        finally:
            answer.close()


def _failed(url: str, reason: str) -> FetchError:
    # Without the query: it can hold a secret.
    return FetchError(issue("auth.fetch", url=url.partition("?")[0], reason=reason))
