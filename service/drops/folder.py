"""A folder of this machine (or a share mounted on it) as a drop: `file:///folder`."""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, unquote

from service.drops.base import CHUNK, Drop, DropError, checked, is_part, part_name
from service.issues import issue


class FolderDrop(Drop):
    """Files are flushed to disk before they get their name, and the folder after."""

    def __init__(self, folder: Path, *, mode: int = 0o640, create: bool = False) -> None:
        super().__init__(folder.absolute().as_uri())
        with _told(self.url):
            if create:
                folder.mkdir(parents=True, exist_ok=True)
            self._root = folder.resolve(strict=True)
            if not self._root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        self._mode = mode

    @classmethod
    def of(cls, url: SplitResult, options: Mapping[str, Any]) -> Self:
        """The drop at `url`; options as `service.drops.options_of("file")` tells."""
        if url.hostname not in (None, "localhost") or not url.path.startswith("/"):
            raise DropError(issue("drops.address", url=url.geturl()))
        try:
            mode = int(str(options.get("mode", "0640")), 8)
        except ValueError:
            raise DropError(issue("drops.option-value", name="mode", expected="octal digits, as `0640`")) from None
        return cls(Path(unquote(url.path)), mode=mode & 0o777, create=options.get("create", False) is True)

    def size(self, name: str) -> int | None:
        with _told(self.url, name):
            try:
                return self._path(name).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def chunks(self, name: str) -> Generator[bytes, None, None]:
        with _told(self.url, name), self._path(name).open("rb") as opened:
            while chunk := opened.read(CHUNK):
                yield chunk

    def list(self, prefix: str = "") -> list[str]:
        with _told(self.url):
            found = [path.relative_to(self._root) for path in self._root.rglob("*") if path.is_file()]
        shown = (one.as_posix() for one in found if not any(step.startswith(".") for step in one.parts))
        return sorted(name for name in shown if name.startswith(prefix))

    def delete(self, name: str) -> bool:
        with _told(self.url, name):
            try:
                self._path(name).unlink()
            except FileNotFoundError:
                return False
            _flush(self._path(name).parent)
        return True

    def tidy(self, seconds: float) -> int:
        oldest, count = time.time() - seconds, 0
        with _told(self.url):
            for path in self._root.rglob(".*.part"):
                with contextlib.suppress(FileNotFoundError):
                    if is_part(path.name) and path.lstat().st_mtime < oldest:
                        path.unlink()
                        count += 1
        return count

    def close(self) -> None:
        """Nothing is open."""

    def _stage(self, name: str) -> "_StagedFile":
        target = self._path(name)
        with _told(self.url, name):
            target.parent.mkdir(parents=True, exist_ok=True)
        return _StagedFile(self.url, name, target, self._mode)

    def _path(self, name: str) -> Path:
        path = self._root / checked(name)
        # A link in the folder must not lead out of it.
        if not path.parent.resolve().is_relative_to(self._root) or path.is_symlink():
            raise DropError(issue("drops.name", name=name, reason="a link on its way leads elsewhere"))
        return path


class _StagedFile:
    def __init__(self, url: str, name: str, target: Path, mode: int) -> None:
        self._url, self._name, self._target = url, name, target
        self._part = target.parent / part_name(target.name, secrets.token_hex(6))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with _told(url, name):
            self._file = os.fdopen(os.open(self._part, flags, mode), "wb", buffering=CHUNK)

    def write(self, data: bytes) -> None:
        with _told(self._url, self._name):
            self._file.write(data)

    def commit(self, replace: bool) -> None:
        with _told(self._url, self._name):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if replace:
                self._part.replace(self._target)
            else:
                _rename_new(self._part, self._target)
            _flush(self._target.parent)

    def abandon(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()


def _rename_new(part: Path, target: Path) -> None:
    """Give `part` its name, but not over a file that came in between."""
    try:
        os.link(part, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
            raise
        # A share without hard links.
        part.replace(target)
    else:
        part.unlink()


def _flush(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def _told(url: str, name: str = "") -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise DropError(issue("drops.taken", name=name, url=url)) from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        if isinstance(error, FileNotFoundError) and name:
            raise DropError(issue("drops.missing", name=name, url=url), permanent=False) from None
        never = error.errno in (errno.ENAMETOOLONG, errno.EINVAL)
        raise DropError(issue("drops.failed", url=url, reason=reason), permanent=never) from None
