"""The connection to one receiver: who we are to it, and how we know that it is the one.

https://www.rfc-editor.org/rfc/rfc9325 (TLS 1.2 or later), https://requests.readthedocs.io/en/latest/user/advanced/
"""

import ssl
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from service.deliver.bearer import Bearer, credential
from service.deliver.receivers.base import ReceiverSettings, TransportError
from service.deliver.smart import SmartAuth
from service.issues import issue

_AGENT = "yhdessa-fhir"


def open_session(settings: ReceiverSettings) -> requests.Session:
    """A session that authenticates by itself and keeps its connections; no traffic yet.

    Not even the environment's proxies, certificates and passwords (`.netrc`) count, only what the receiver's file
    says. Raises `TransportError` for a key, certificate or secret that cannot be used.
    """
    auth = settings.auth
    session = _plain(auth.options, pinned=True)
    if auth.kind == "bearer":
        session.auth = Bearer(auth.options)
    elif auth.kind == "smart":
        same = urlsplit(auth.options.get("token_url", settings.url)).netloc == urlsplit(settings.url).netloc
        session.auth = SmartAuth(settings, _plain(auth.options, pinned=same))
    return session


class _Session(requests.Session):
    """Nothing of the environment, no redirects, no cookies: each request stands for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["User-Agent"] = _AGENT
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: where it would lead is not asked."""


class _Transport(HTTPAdapter):
    """Connections by one TLS context, which knows certificates and our own key; looked up once for each host."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._pools: dict[str, Any] = {}
        super().__init__(pool_connections=2, pool_maxsize=2, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **self._tls(), **kwargs)

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        host = "/".join(str(request.url).split("/", 3)[:3])
        if host not in self._pools:
            self._pools[host] = super().get_connection_with_tls_context(request, *args, **kwargs)
        return self._pools[host]

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **self._tls(), **kwargs)

    def _tls(self) -> dict[str, Any]:
        # A certificate that is known as such need not name the host.
        named = {"assert_hostname": False} if isinstance(self._context, _Pinned) else {}
        return {"ssl_context": self._context, **named}


class _Pinned(ssl.SSLContext):
    """Accepts no certificate but those in a file, whoever has signed it."""

    known: frozenset[bytes] = frozenset()

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(*args, **kwargs)
        if wrapped.getpeercert(binary_form=True) not in self.known:
            wrapped.close()
            raise ssl.SSLCertVerificationError("the certificate is not the pinned one")
        return wrapped


def _plain(options: Mapping[str, Any], *, pinned: bool) -> requests.Session:
    session = _Session()
    own = options.get("pinned") if pinned else None
    context = _pinned(own) if own else create_urllib3_context(ssl_minimum_version=ssl.TLSVersion.TLSv1_2)
    # Without an authority of its own: those that `certifi` lists.
    session.verify = own or options.get("authority") or True
    if "authority" in options:
        _readable(options, "authority")
    if "certificate_file" in options:
        _own_certificate(context, options)
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Transport(context))
    if "proxy" in options:
        session.proxies = {"https": options["proxy"]}
    return session


def _pinned(file: str) -> _Pinned:
    context = _Pinned(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    # The certificate itself is what is trusted, not who has signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        text = Path(file).read_text("ascii")
        blocks = [f"{one}-----END CERTIFICATE-----\n" for one in text.split("-----END CERTIFICATE-----")[:-1]]
        context.known = frozenset(ssl.PEM_cert_to_DER_cert(one[one.index("-----BEGIN") :]) for one in blocks)
    except (OSError, ValueError) as error:
        raise _unusable("pinned", error) from None
    if not context.known:
        raise _unusable("pinned", ValueError())
    return context


def _own_certificate(context: ssl.SSLContext, options: Mapping[str, Any]) -> None:
    phrase = credential(options, "passphrase") if {"passphrase_env", "passphrase_file"} & set(options) else ""
    try:
        # An empty passphrase, so that a key that needs one is an error and not a question at the terminal.
        context.load_cert_chain(options["certificate_file"], options["key_file"], lambda: phrase)
    except OSError as error:
        raise _unusable("certificate_file", error) from None


def _readable(options: Mapping[str, Any], name: str) -> None:
    try:
        ssl.create_default_context(cafile=options[name])
    except OSError as error:
        raise _unusable(name, error) from None


def _unusable(name: str, error: Exception) -> TransportError:
    missing = isinstance(error, FileNotFoundError)
    reason = "there is none" if missing else f"it is not what it should be ({type(error).__name__})"
    return TransportError(issue("receivers.file", name=f"auth.{name}", reason=reason), sent=False)
