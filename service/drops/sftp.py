"""A folder on an SFTP server as a drop: `sftp://user@host:22/folder`; `/~/folder` begins at the user's own folder.

https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02. The server is known by its host key, always.
"""

import contextlib
import posixpath
import secrets
import stat
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import SplitResult, unquote

import paramiko  # type: ignore[import-untyped]

from service.credentials import secret
from service.drops.base import CHUNK, Drop, DropError, checked, is_part, part_name
from service.issues import issue

_WINDOW = 32768


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are, and how the server is known: `known_hosts` (a file) or `fingerprints` (`SHA256:…`)."""

    host: str
    port: int
    user: str
    known_hosts: str | None
    fingerprints: Sequence[str]
    key_file: str | None
    passphrase: str | None = field(repr=False)
    password: str | None = field(repr=False)
    timeout: float


class SftpDrop(Drop):
    """Connects when it is first used, and again after a connection was lost. One thread at a time."""

    def __init__(self, login: Login, folder: str) -> None:
        port = "" if login.port == 22 else f":{login.port}"
        super().__init__(f"sftp://{login.host}{port}{folder}")
        self._login = login
        # The server resolves relative paths from the user's own folder.
        self._root = folder.removeprefix("/~/") if folder.startswith("/~/") else folder.rstrip("/") or "/"
        self._ssh: Any = None
        self._sftp: Any = None

    @classmethod
    def of(cls, url: SplitResult, options: Mapping[str, Any]) -> Self:
        """The drop at `url`; options as `service.drops.options_of("sftp")` tells."""
        user = url.username or options.get("user")
        try:
            port = url.port or 22
        except ValueError:
            port = 0
        folder = unquote(url.path) or "/~/"
        if not url.hostname or not port or any(step in (".", "..") for step in folder.split("/")):
            raise DropError(issue("drops.address", url=f"sftp://{url.hostname}{url.path}"))
        if not user:
            raise DropError(issue("drops.option-value", name="user", expected="the name to log in with"))
        prints = options.get("fingerprint", ())
        prints = [prints] if isinstance(prints, str) else [str(one) for one in prints]
        known = options.get("known_hosts")
        if not prints and not known:
            raise DropError(issue("drops.host-key-missing", host=url.hostname))
        if not all(one.startswith("SHA256:") for one in prints):
            raise DropError(issue("drops.option-value", name="fingerprint", expected="`SHA256:…`"))
        key, password = options.get("key_file"), secret(options, "password")
        if not key and password is None:
            raise DropError(issue("drops.option-value", name="key_file", expected="a private key, or `password_env`"))
        seconds = float(options.get("timeout", 30))
        shown = None if known is None else str(known)
        phrase = secret(options, "passphrase")
        file = None if key is None else str(key)
        return cls(Login(url.hostname, port, unquote(user), shown, prints, file, phrase, password, seconds), folder)

    def size(self, name: str) -> int | None:
        with self._told(name):
            try:
                found = self._client().stat(self._path(name))
            except FileNotFoundError:
                return None
        return int(found.st_size) if stat.S_ISREG(found.st_mode or stat.S_IFREG) else None

    def chunks(self, name: str) -> Generator[bytes, None, None]:
        with self._told(name), self._client().open(self._path(name), "rb") as opened:
            opened.prefetch()
            while chunk := opened.read(CHUNK):
                yield chunk

    def list(self, prefix: str = "") -> list[str]:
        with self._told(""):
            return sorted(name for name, _ in self._walk("") if name.startswith(prefix) and not _hidden(name))

    def delete(self, name: str) -> bool:
        with self._told(name):
            try:
                self._client().remove(self._path(name))
            except FileNotFoundError:
                return False
        return True

    def tidy(self, seconds: float) -> int:
        oldest, count = time.time() - seconds, 0
        with self._told(""):
            for name, changed in list(self._walk("")):
                if is_part(name) and changed < oldest:
                    with contextlib.suppress(FileNotFoundError):
                        self._client().remove(posixpath.join(self._root, name))
                        count += 1
        return count

    def close(self) -> None:
        opened, self._ssh, self._sftp = (self._sftp, self._ssh), None, None
        for one in opened:
            if one is not None:
                one.close()

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, checked(name))

    def _walk(self, folder: str) -> Iterator[tuple[str, float]]:
        """Every file below, hidden ones too, with the time of its last change."""
        for row in self._client().listdir_attr(posixpath.join(self._root, folder) or "."):
            name = posixpath.join(folder, row.filename)
            if stat.S_ISDIR(row.st_mode or 0):
                yield from self._walk(name)
            elif stat.S_ISREG(row.st_mode or stat.S_IFREG):
                yield name, float(row.st_mtime or 0)

    def _stage(self, name: str) -> "_StagedUpload":
        with self._told(name):
            self._make_folders(posixpath.dirname(name))
        return _StagedUpload(self, name)

    def _make_folders(self, folder: str) -> None:
        made = self._root
        for step in folder.split("/") if folder else ():
            made = posixpath.join(made, step)
            try:
                self._client().stat(made)
            except FileNotFoundError:
                self._client().mkdir(made)

    def _client(self) -> Any:
        if self._sftp is None:
            self._ssh = _connect(self._login, self.url)
            self._sftp = self._ssh.open_sftp()
            self._sftp.get_channel().settimeout(self._login.timeout)
        return self._sftp

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            key = "drops.missing" if name else "drops.no-folder"
            raise DropError(issue(key, name=name, url=self.url), permanent=False) from None
        except PermissionError:
            raise DropError(issue("drops.refused", url=self.url), permanent=False) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            # What the connection holds after this is anybody's guess.
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self.close()
            raise DropError(issue("drops.failed", url=self.url, reason=_reason(error)), permanent=False) from None


class _StagedUpload:
    def __init__(self, drop: SftpDrop, name: str) -> None:
        self._drop, self._name, self._size = drop, name, 0
        self._target = drop._path(name)
        self._part = part_name(self._target, secrets.token_hex(6))
        with drop._told(name):
            self._file = drop._client().open(self._part, "wxb", bufsize=_WINDOW)
            self._file.set_pipelined(True)

    def write(self, data: bytes) -> None:
        with self._drop._told(self._name):
            self._file.write(data)
            self._size += len(data)

    def commit(self, replace: bool) -> None:
        with self._drop._told(self._name):
            client = self._drop._client()
            self._file.close()
            if client.stat(self._part).st_size != self._size:
                raise OSError("the server has another size")
            if replace:
                _rename_over(client, self._part, self._target)
            else:
                # A plain rename fails where the name is taken.
                client.rename(self._part, self._target)

    def abandon(self) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException, DropError):
            self._file.close()
            if self._drop._sftp is not None:
                self._drop._sftp.remove(self._part)


def _rename_over(client: Any, part: str, target: str) -> None:
    try:
        client.posix_rename(part, target)
    except FileNotFoundError:
        raise
    except OSError:
        # A server without the OpenSSH extension.
        with contextlib.suppress(FileNotFoundError):
            client.remove(target)
        client.rename(part, target)


class _Pinned(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    def __init__(self, fingerprints: Sequence[str]) -> None:
        self._fingerprints = {one.rstrip("=") for one in fingerprints}

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        if key.fingerprint not in self._fingerprints:
            raise _UnknownHost(hostname)


class _UnknownHost(Exception):
    """The server shows a host key that is not the known one."""


class _NoKey(ValueError):
    """The file with our key cannot be used."""


def _connect(login: Login, url: str) -> Any:
    client = paramiko.SSHClient()
    try:
        if login.known_hosts is not None:
            client.load_host_keys(login.known_hosts)
        client.set_missing_host_key_policy(_Pinned(login.fingerprints))
        client.connect(
            login.host,
            login.port,
            login.user,
            password=login.password,
            pkey=None if login.key_file is None else _key(login.key_file, login.passphrase),
            allow_agent=False,
            look_for_keys=False,
            timeout=login.timeout,
            banner_timeout=login.timeout,
            auth_timeout=login.timeout,
            channel_timeout=login.timeout,
        )
    except (_UnknownHost, paramiko.BadHostKeyException):
        client.close()
        raise DropError(issue("drops.host-key", host=login.host, url=url), permanent=False) from None
    except paramiko.AuthenticationException:
        client.close()
        raise DropError(issue("drops.login", user=login.user, url=url), permanent=False) from None
    except (_NoKey, paramiko.hostkeys.InvalidHostKey, FileNotFoundError) as error:
        client.close()
        raise DropError(issue("drops.key-file", url=url, reason=_reason(error)), permanent=False) from None
    except BaseException:
        client.close()
        raise
    return client


def _key(file: str, passphrase: str | None) -> Any:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(file, passphrase)
        except paramiko.PasswordRequiredException:
            raise _NoKey("the key needs its passphrase") from None
        except (paramiko.SSHException, ValueError):
            continue
    raise _NoKey("it holds no private key that we know, or the passphrase is another")


def _hidden(name: str) -> bool:
    return any(step.startswith(".") for step in name.split("/"))


def _reason(error: BaseException) -> str:
    if isinstance(error, _NoKey):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    known = {"EOFError": "the connection was closed", "TimeoutError": "no answer in time"}
    return known.get(type(error).__name__, type(error).__name__)
