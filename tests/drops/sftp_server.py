"""An SFTP server on loopback over a folder, with a host key and a user of its own, and faults on request."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

USER, PASSWORD = "yhdessa", "synthetic-password"


@dataclass
class SftpDouble:
    """What runs: `root` is what the server shows as `/`; `faults` are names of calls that fail, once each."""

    root: Path
    host_key: paramiko.PKey
    user_key: paramiko.PKey
    port: int = 0
    faults: list[str] = field(default_factory=list)
    posix_rename: bool = True
    logins: int = 0
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}"

    def known_hosts(self, file: Path) -> Path:
        file.write_text(f"[127.0.0.1]:{self.port} {self.host_key.get_name()} {self.host_key.get_base64()}\n")
        return file

    def cut(self) -> None:
        """Break every connection, as a network does; one made meanwhile, because another broke, is a new one."""
        broken, self.sockets = self.sockets, []
        for one in broken:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class _Server(paramiko.ServerInterface):
    def __init__(self, double: SftpDouble) -> None:
        self.double = double

    def check_auth_password(self, username: str, password: str) -> int:
        return self._good(username == USER and password == PASSWORD)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self._good(username == USER and key == self.double.user_key)

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def _good(self, good: bool) -> int:
        self.double.logins += good
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED


class _Handle(paramiko.SFTPHandle):
    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    def write(self, offset: int, data: bytes) -> int:
        double: SftpDouble = self.double
        if "full" in double.faults:
            return paramiko.SFTP_FAILURE
        if "cut" in double.faults:
            double.faults.remove("cut")
            double.cut()
        return super().write(offset, data)


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: _Server, *args: object, **kwargs: object) -> None:
        self.double = server.double

    def _real(self, path: str) -> Path:
        return self.double.root / self.canonicalize(path).lstrip("/")

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        try:
            rows = list(self._real(path).iterdir())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return [paramiko.SFTPAttributes.from_stat(row.lstat(), row.name) for row in rows]

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        if "denied" in self.double.faults:
            return paramiko.SFTP_PERMISSION_DENIED
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        try:
            number = os.open(self._real(path), flags, 0o640)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        handle = _Handle(flags)
        handle.double = self.double
        handle.readfile = handle.writefile = os.fdopen(number, "r+b" if flags & os.O_RDWR else _mode(flags))
        return handle

    def remove(self, path: str) -> int:
        return self._done(lambda: self._real(path).unlink())

    def rename(self, old: str, new: str) -> int:
        if self._real(new).exists():
            return paramiko.SFTP_FAILURE
        return self._done(lambda: self._real(old).rename(self._real(new)))

    def posix_rename(self, old: str, new: str) -> int:
        if not self.double.posix_rename:
            return paramiko.SFTP_OP_UNSUPPORTED
        return self._done(lambda: self._real(old).replace(self._real(new)))

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return self._done(lambda: self._real(path).mkdir())

    def _done(self, what: object) -> int:
        try:
            what()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK


def _mode(flags: int) -> str:
    return "wb" if flags & os.O_WRONLY else "rb"


@contextlib.contextmanager
def sftp_server(root: Path) -> Iterator[SftpDouble]:
    """A server over `root` until the block ends."""
    root.mkdir(parents=True, exist_ok=True)
    double = SftpDouble(root, paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate())
    listening = socket.create_server(("127.0.0.1", 0))
    double.port = listening.getsockname()[1]
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            double.sockets.append(connection)
            transport = paramiko.Transport(connection)
            transports.append(transport)
            transport.add_server_key(double.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(threading.Event(), _Server(double))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for transport in transports:
            transport.close()
        thread.join(10)
