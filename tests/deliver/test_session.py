"""Who we are to a receiver, and how we know it: tokens, certificates, nothing of the environment."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from service.deliver.receivers.base import Auth, Limits, ReceiverSettings, TransportError
from service.deliver.session import open_session
from service.deliver.transport import Answer, exchange
from service.tokens import new_key
from tests.deliver.certificates import Authority, Pair
from tests.deliver.double import Double, double, tls
from tests.deliver.smart_server import SmartServer

PLAN = b'{"resourceType": "CarePlan", "identifier": [{"system": "s", "value": "1"}], "status": "active"}'


def _settings(url: str, kind: Any = "none", **options: Any) -> ReceiverSettings:
    limits = Limits(connect=10, read=20, total=20)
    return ReceiverSettings("neuvola", "1.2.3", "health", "fhir_document", url, Auth(kind, options), limits=limits)


def _put(settings: ReceiverSettings, times: int = 1) -> list[Answer]:
    with contextlib.closing(open_session(settings)) as session:
        url = f"{settings.url}/CarePlan?identifier=s|1"
        return [exchange(session, settings.limits, "PUT", url, PLAN) for _ in range(times)]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def smart() -> Iterator[tuple[Double, SmartServer, dict[str, Any]]]:
    """A receiver that wants a token, and the options that get one."""
    key = new_key("our-key")
    server = SmartServer("yhdessa", {"keys": [key.as_dict(private=False)]})
    with double(smart=server) as receiver, pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEST_PRIVATE_KEY", key.as_pem(private=True).decode())
        options = {"client_id": "yhdessa", "kid": "our-key", "private_key_env": "TEST_PRIVATE_KEY"}
        yield receiver, server, options


def test_one_token_serves_many_requests(smart: tuple[Double, SmartServer, dict[str, Any]]) -> None:
    receiver, server, options = smart
    assert [one.status for one in _put(_settings(receiver.url, "smart", **options), 3)] == [201, 200, 200]
    assert (server.issued, server.problems) == (1, [])
    assert receiver.effects() == ["create CarePlan"]


def test_a_token_is_replaced_before_it_expires(smart: tuple[Double, SmartServer, dict[str, Any]]) -> None:
    receiver, server, options = smart
    server.seconds = 1
    settings = _settings(receiver.url, "smart", **options)
    with contextlib.closing(open_session(settings)) as session:
        auth = session.auth
        assert auth.token() == auth.token()
        auth._until = 0.0
        assert auth.token() == "synthetic-token-1"
    assert server.issued == 2


def test_a_refused_token_is_replaced_once(smart: tuple[Double, SmartServer, dict[str, Any]]) -> None:
    receiver, server, options = smart
    settings = _settings(receiver.url, "smart", **options)
    with contextlib.closing(open_session(settings)) as session:
        url = f"{receiver.url}/CarePlan?identifier=s|1"
        assert exchange(session, settings.limits, "PUT", url, PLAN).status == 201
        server.revoke()
        assert exchange(session, settings.limits, "PUT", url, PLAN).status == 200
        assert server.issued == 2
        receiver.script.set([{"do": "answer", "status": 401, "times": 5}])
        assert exchange(session, settings.limits, "PUT", url, PLAN).status == 401
        assert server.issued == 3
        assert receiver.script.left == 3
    assert server.problems == []


def test_a_key_that_the_server_does_not_know(smart: tuple[Double, SmartServer, dict[str, Any]], tmp_path: Path) -> None:
    receiver, server, options = smart
    (tmp_path / "key.pem").write_bytes(new_key().as_pem(private=True))
    del options["private_key_env"]
    settings = _settings(receiver.url, "smart", **options, private_key_file=str(tmp_path / "key.pem"))
    with pytest.raises(TransportError) as refused:
        _put(settings)
    assert refused.value.issue.key == "receivers.token-refused"
    assert "invalid_client" in refused.value.issue.text()
    assert not refused.value.permanent
    assert len(server.problems) == 1
    assert receiver.changes == []


def test_an_rsa_key_as_jwk(tmp_path: Path) -> None:
    key = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
    (tmp_path / "key.json").write_text(json.dumps(key.as_dict(private=True)))
    server = SmartServer("yhdessa", {"keys": [key.as_dict(private=False)]})
    with double(smart=server) as receiver:
        options = {"client_id": "yhdessa", "kid": "rsa", "private_key_file": str(tmp_path / "key.json")}
        assert _put(_settings(receiver.url, "smart", **options))[0].status == 201
        with pytest.raises(TransportError) as refused:
            open_session(_settings(receiver.url, "smart", **options, algorithm="ES384"))
    assert refused.value.issue.key == "receivers.file"
    assert server.problems == []


@pytest.mark.parametrize("kind", ["P-256", "public", "text"])
def test_keys_that_do_not_sign(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {
        "P-256": lambda: ECKey.generate_key("P-256").as_pem(private=True).decode(),
        "public": lambda: new_key().as_pem(private=False).decode(),
        "text": lambda: "no key",
    }
    monkeypatch.setenv("TEST_PRIVATE_KEY", made[kind]())
    options = {"client_id": "yhdessa", "kid": "k", "private_key_env": "TEST_PRIVATE_KEY"}
    with pytest.raises(TransportError) as refused:
        open_session(_settings("https://receiver.example", "smart", **options))
    assert refused.value.issue.key == "receivers.file"


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        [],
        {"token_endpoint": "http://elsewhere.example/token"},
        {"token_endpoint": "https://a.example/t", "token_endpoint_auth_signing_alg_values_supported": ["RS384"]},
    ],
)
def test_a_configuration_that_leads_nowhere(
    smart: tuple[Double, SmartServer, dict[str, Any]], configuration: Any
) -> None:
    receiver, _, options = smart
    receiver.script.set([{"do": "answer", "status": 200, "body": configuration, "on": "GET /.well-known.*"}])
    with pytest.raises(TransportError) as refused:
        _put(_settings(receiver.url, "smart", **options))
    assert refused.value.issue.key == "receivers.token-endpoint"


def test_a_token_endpoint_that_fails_for_a_while(smart: tuple[Double, SmartServer, dict[str, Any]]) -> None:
    receiver, _, options = smart
    receiver.script.set([{"do": "answer", "status": 503, "body": "<html>later</html>", "on": "POST /token"}])
    settings = _settings(receiver.url, "smart", **options)
    with pytest.raises(TransportError) as refused:
        _put(settings)
    assert not refused.value.permanent
    assert _put(settings)[0].status == 201


def test_a_bearer_token_is_read_again_when_it_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    with double(bearer="first") as receiver:
        settings = _settings(receiver.url, "bearer", token_file=str(file))
        with contextlib.closing(open_session(settings)) as session:
            url = f"{receiver.url}/CarePlan?identifier=s|1"
            assert exchange(session, settings.limits, "PUT", url, PLAN).status == 201
            receiver.bearer = "second"
            assert exchange(session, settings.limits, "PUT", url, PLAN).status == 401
            file.write_text("second\n")
            assert exchange(session, settings.limits, "PUT", url, PLAN).status == 200


def test_a_token_that_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_NO_TOKEN", raising=False)
    with pytest.raises(TransportError) as refused:
        open_session(_settings("https://receiver.example", "bearer", token_env="TEST_NO_TOKEN"))
    assert refused.value.issue.key == "receivers.credential"
    assert not refused.value.permanent


def test_a_receiver_known_by_its_authority(authority: Authority) -> None:
    with double(context=tls(authority.server())) as receiver:
        assert _put(_settings(receiver.url, authority=str(authority.file)))[0].status == 201


def test_certificates_that_are_not_good(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    bad = {
        "another authority": other.server(),
        "expired": authority.server("localhost", "127.0.0.1", days=-1),
        "another name": authority.server("elsewhere.example"),
    }
    for pair in bad.values():
        with double(context=tls(pair)) as receiver:
            with pytest.raises(TransportError) as refused:
                _put(_settings(receiver.url, authority=str(authority.file)))
            assert refused.value.issue.key == "deliver.certificate"
            assert not refused.value.permanent
            assert receiver.requests == []


def test_without_an_authority_only_public_certificates_are_good(authority: Authority) -> None:
    with double(context=tls(authority.server())) as receiver:
        with pytest.raises(TransportError) as refused:
            _put(_settings(receiver.url))
        assert refused.value.issue.key == "deliver.certificate"


def test_a_pinned_certificate(authority: Authority, tmp_path: Path) -> None:
    first, second, third = (authority.server("elsewhere.example") for _ in range(3))
    pinned = tmp_path / "pinned.pem"
    pinned.write_bytes(first.certificate.read_bytes() + second.certificate.read_bytes())
    for pair, good in ((first, True), (second, True), (third, False)):
        with double(context=tls(pair)) as receiver:
            settings = _settings(receiver.url, pinned=str(pinned))
            if good:
                assert _put(settings)[0].status == 201
            else:
                with pytest.raises(TransportError) as refused:
                    _put(settings)
                assert refused.value.issue.key == "deliver.certificate"
                assert receiver.requests == []


def test_an_authority_is_no_pinned_certificate(authority: Authority) -> None:
    with double(context=tls(authority.server())) as receiver:
        with pytest.raises(TransportError) as refused:
            _put(_settings(receiver.url, pinned=str(authority.file)))
        assert refused.value.issue.key == "deliver.certificate"


def test_our_own_certificate(authority: Authority, tmp_path: Path) -> None:
    ours, stranger = authority.client("yhdessa"), Authority(tmp_path / "other").client("yhdessa")
    with double(context=tls(authority.server(), authority.file)) as receiver:
        assert _put(_mtls(receiver.url, authority, ours))[0].status == 201
        assert receiver.effects() == ["create CarePlan"]
        for settings in (
            _mtls(receiver.url, authority, stranger),
            _settings(receiver.url, authority=str(authority.file)),
        ):
            with pytest.raises(TransportError) as refused:
                _put(settings)
            assert not refused.value.permanent


def _mtls(url: str, authority: Authority, pair: Pair, **more: str) -> ReceiverSettings:
    files = {"certificate_file": str(pair.certificate), "key_file": str(pair.key)}
    return _settings(url, "mtls", authority=str(authority.file), **files, **more)


def test_our_own_key_with_a_passphrase(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = authority.client("yhdessa")
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"synthetic phrase")
    file = tmp_path / "locked.key"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    monkeypatch.setenv("TEST_PHRASE", "synthetic phrase")
    locked_pair = Pair(pair.certificate, file)
    with double(context=tls(authority.server(), authority.file)) as receiver:
        assert _put(_mtls(receiver.url, authority, locked_pair, passphrase_env="TEST_PHRASE"))[0].status == 201
        monkeypatch.setenv("TEST_PHRASE", "another")
        for more in ({"passphrase_env": "TEST_PHRASE"}, {}):
            with pytest.raises(TransportError) as refused:
                _put(_mtls(receiver.url, authority, locked_pair, **more))
            assert refused.value.issue.key == "receivers.file"


@pytest.mark.parametrize("name", ["authority", "pinned", "certificate_file"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_files_that_cannot_be_used(name: str, content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(TransportError) as refused:
        open_session(_settings("https://receiver.example", **{name: str(file), "key_file": str(file)}))
    assert refused.value.issue.key == "receivers.file"
    assert name in refused.value.issue.text()


def test_old_tls_is_refused(authority: Authority) -> None:
    context = tls(authority.server())
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with double(context=context) as receiver:
        with pytest.raises(TransportError) as refused:
            _put(_settings(receiver.url, authority=str(authority.file)))
        assert refused.value.issue.key == "deliver.certificate"


def test_the_environment_does_not_count(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    with double() as receiver:
        assert _put(_settings(receiver.url))[0].status == 201
        assert "authorization" not in receiver.requests[0]["headers"]
    with double(context=tls(authority.server())) as receiver, pytest.raises(TransportError):
        _put(_settings(receiver.url))


def test_a_redirect_is_not_followed() -> None:
    with double() as other, double() as receiver:
        headers = {"Location": f"{other.url}/CarePlan"}
        receiver.script.set([{"do": "answer", "status": status, "headers": headers} for status in (301, 307, 308)])
        assert [one.status for one in _put(_settings(receiver.url), 3)] == [301, 307, 308]
        assert other.requests == []


def test_no_cookies_are_kept() -> None:
    with double() as receiver, contextlib.closing(open_session(_settings(receiver.url))) as session:
        cookie = {"Set-Cookie": "known=1; Path=/"}
        receiver.script.set([{"do": "answer", "status": 200, "headers": cookie}])
        for _ in range(2):
            exchange(session, Limits(), "GET", f"{receiver.url}/CarePlan/1")
        assert not session.cookies
        assert [one["headers"].get("cookie") for one in receiver.requests] == [None, None]


def test_a_proxy_is_used_when_the_file_says_so(authority: Authority) -> None:
    pair = authority.server("fhir.neuvola.example")
    with double(context=tls(pair)) as receiver, _counted(receiver.url, proxy=True) as (url, connections):
        proxy = url.replace("https://", "http://")
        settings = _settings("https://fhir.neuvola.example", authority=str(authority.file), proxy=proxy)
        assert [one.status for one in _put(settings, 2)] == [201, 200]
        assert len(connections) == 1
    with double(context=tls(authority.server())) as receiver, _counted(receiver.url, proxy=True) as (url, connections):
        with pytest.raises(TransportError) as refused:
            proxy = url.replace("https://", "http://")
            _put(_settings("https://fhir.neuvola.example", pinned=str(pair.certificate), proxy=proxy))
        assert refused.value.issue.key == "deliver.certificate"
        assert len(connections) == 1
        assert receiver.requests == []


def test_connections_are_kept(authority: Authority) -> None:
    with double(context=tls(authority.server())) as receiver, _counted(receiver.url) as (url, connections):
        assert [one.status for one in _put(_settings(url, authority=str(authority.file)), 5)] == [201] + [200] * 4
        assert len(connections) == 1


@contextlib.contextmanager
def _counted(url: str, *, proxy: bool = False) -> Iterator[tuple[str, list[int]]]:
    """An address that leads to the same server, and the connections that were made to it; as a proxy, if wanted."""
    port = int(url.rpartition(":")[2])
    listening = socket.create_server(("127.0.0.1", 0))
    made: list[int] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            made.append(1)
            if proxy:
                asked = b""
                while not asked.endswith(b"\r\n\r\n"):
                    asked += client.recv(1)
                assert asked.startswith(b"CONNECT fhir.neuvola.example:443 ")
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            server = socket.create_connection(("127.0.0.1", port))
            pumps = [threading.Thread(target=pump, args=pair) for pair in ((client, server), (server, client))]
            for one in pumps:
                one.start()
            for one in pumps:
                one.join()
            client.close()
            server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"https://127.0.0.1:{listening.getsockname()[1]}", made
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(30)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_keys_as_openssl_writes_them(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP384R1())
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    monkeypatch.setenv("TEST_PRIVATE_KEY", pem.decode())
    options = {"client_id": "yhdessa", "kid": "k", "private_key_env": "TEST_PRIVATE_KEY"}
    open_session(_settings("https://receiver.example", "smart", **options)).close()
