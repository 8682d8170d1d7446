"""What every drop does: writes beside and renames, takes the same file twice as once, refuses names that lead out."""

import abc
import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from service.issues import Issue, issue

CHUNK = 1 << 20
LONGEST = 200_000_000
_PART = re.compile(r"\..+\.[0-9a-f]{12}\.part")
_UNSAFE = re.compile(r'[\\:*?"<>|]')
# Names that are devices on the Windows machines where some receivers read their folder.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


class DropError(Exception):
    """What could not be done; `issue` says why. `permanent`: the same call never succeeds, however often it is tried.

    Not permanent is what may pass or be put right without changing the call: no connection, no space, no permission,
    a host key that is not the known one.
    """

    def __init__(self, found: Issue, *, permanent: bool = True) -> None:
        super().__init__(found.key)
        self.issue = found
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in a drop: its size in bytes and SHA-256 (hex); `written` is false where it was there already."""

    name: str
    size: int
    sha256: str
    written: bool


class Staged(Protocol):
    """A file on its way: nobody sees it before `commit`; `abandon` leaves nothing behind, also when called twice."""

    def write(self, data: bytes, /) -> object: ...
    def commit(self, replace: bool) -> None: ...
    def abandon(self) -> None: ...


class Drop(abc.ABC):
    """A place for files. Names are relative paths with `/`; no other process sees half a file."""

    def __init__(self, url: str) -> None:
        self.url = url
        """The address, without user and secrets."""

    def put(self, name: str, body: bytes | Iterable[bytes], *, replace: bool = False) -> Stored:
        """Leave `body` under `name`, whole. The same bytes under the same name a second time change nothing.

        Other bytes under a name that is taken are a permanent `DropError`, unless `replace`.
        """
        name = checked(name)
        if isinstance(body, bytes):
            return self._put_bytes(name, body, replace)
        digest, size = hashlib.sha256(), 0
        with contextlib.ExitStack() as undo:
            staged = self._stage(name)
            undo.callback(staged.abandon)
            for chunk in body:
                digest.update(chunk)
                size += len(chunk)
                staged.write(chunk)
            if self.size(name) == size and self._digest(name) == digest.hexdigest():
                return Stored(name, size, digest.hexdigest(), written=False)
            if not replace and self.exists(name):
                raise DropError(issue("drops.taken", name=name, url=self.url))
            staged.commit(replace)
            undo.pop_all()
        return Stored(name, size, digest.hexdigest(), written=True)

    def _put_bytes(self, name: str, body: bytes, replace: bool) -> Stored:
        """Bytes at hand are compared before anything is written."""
        sha256 = hashlib.sha256(body).hexdigest()
        before = self.size(name)
        if before == len(body) and self._digest(name) == sha256:
            return Stored(name, len(body), sha256, written=False)
        if before is not None and not replace:
            raise DropError(issue("drops.taken", name=name, url=self.url))
        with contextlib.ExitStack() as undo:
            staged = self._stage(name)
            undo.callback(staged.abandon)
            staged.write(body)
            staged.commit(replace)
            undo.pop_all()
        return Stored(name, len(body), sha256, written=True)

    def exists(self, name: str) -> bool:
        """Whether there is a file `name`."""
        return self.size(name) is not None

    def read(self, name: str, *, longest: int = LONGEST) -> bytes:
        """The bytes of `name`. Raises `DropError` where there is none, or more than `longest` bytes."""
        found = bytearray()
        with contextlib.closing(self.chunks(name)) as chunks:
            for chunk in chunks:
                found += chunk
                if len(found) > longest:
                    raise DropError(issue("drops.too-long", name=name, most=longest))
        return bytes(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abc.abstractmethod
    def size(self, name: str) -> int | None:
        """Bytes of `name`; None where there is no such file."""

    @abc.abstractmethod
    def chunks(self, name: str) -> Generator[bytes, None, None]:
        """The bytes of `name`, a part at a time; closing the iterator closes the file."""

    @abc.abstractmethod
    def list(self, prefix: str = "") -> list[str]:
        """The names of the files that begin with `prefix`, in order, also those in folders; none that is half there."""

    @abc.abstractmethod
    def delete(self, name: str) -> bool:
        """Take `name` away; false where there was none."""

    @abc.abstractmethod
    def tidy(self, seconds: float) -> int:
        """Take away what a process that was killed left half written more than `seconds` ago; how many there were."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close the connection; closing twice is fine."""

    @abc.abstractmethod
    def _stage(self, name: str) -> Staged: ...

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with contextlib.closing(self.chunks(name)) as chunks:
            for chunk in chunks:
                digest.update(chunk)
        return digest.hexdigest()


def checked(name: str) -> str:
    """`name`, if it is a relative path that leads nowhere else on any receiver's system; else a `DropError`."""
    reason = _hostile(name)
    if reason:
        raise DropError(issue("drops.name", name=name.encode("unicode_escape").decode(), reason=reason))
    return name


def is_part(name: str) -> bool:
    """Whether the last step of `name` is one that a file has while it is being written."""
    return _PART.fullmatch(name.rpartition("/")[2]) is not None


def part_name(name: str, token: str) -> str:
    """The hidden name, in the same folder, that a file has while it is being written; `token` is 12 hex digits."""
    folder, slash, last = name.rpartition("/")
    # Shortened, so that what fits as a name fits with the token too.
    return f"{folder}{slash}.{last.encode()[:200].decode('utf-8', 'ignore')}.{token}.part"


def _hostile(name: str) -> str | None:
    if not name or len(name.encode("utf-8", "surrogatepass")) > 900:
        return "it is empty or too long"
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in name):
        return "it holds a control character"
    if _UNSAFE.search(name):
        return 'it holds one of `\\ : * ? " < > |`'
    for step in name.split("/"):
        if not step or step.startswith((".", " ")) or step.endswith((".", " ")):
            return "a step of it is empty, or begins or ends with a dot or a space"
        if len(step.encode()) > 255 or _DEVICE.fullmatch(step):
            return "a step of it is too long, or the name of a device"
    return None
