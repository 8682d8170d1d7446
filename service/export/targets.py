"""A folder that is written to, on this machine or in a bucket: a file is there whole or not at all.

https://filesystem-spec.readthedocs.io/
"""

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from service.issues import Issue, issue


class TargetError(Exception):
    """A place that cannot be read or written; `issue` says which and why."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.key)
        self.issue = found

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.issue,)


class Target(Protocol):
    """A folder; names are relative, with `/`."""

    url: str

    def write(self, name: str, body: bytes) -> None:
        """Put a file there: written beside and renamed, so that nobody sees half of it. Raises `TargetError`."""

    def writer(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """The same for a file that is written bit by bit; on an exception nothing is left."""

    def read(self, name: str) -> bytes | None:
        """The content, None where there is no such file."""

    def opened(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """A file to be read bit by bit."""

    def names(self, folder: str) -> set[str]:
        """The names of the files in a folder, none where it is missing."""

    def sweep(self, folder: str) -> None:
        """Remove from a folder what a killed writer has left beside its file; nobody may be writing now."""

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it, or a file."""


def open_target(url: str) -> Target:
    """The folder at `url`: a path on this machine, or the URL of what fsspec knows (`s3://…`)."""
    if "://" in url and not url.startswith("file://"):
        return Remote(url)
    return Local(Path(url.removeprefix("file://")))


class Local:
    """A folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = str(folder)

    def write(self, name: str, body: bytes) -> None:
        with self.writer(name) as stream:
            stream.write(body)

    @contextlib.contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        place = self.folder / name
        # The number of the process, so that two that write the same do not write into one file.
        beside = place.with_name(f".{place.name}.{os.getpid()}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as stream:
                yield cast(BinaryIO, stream)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(place)
        except OSError as error:
            raise _unwritable(str(place), error) from None
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(str(self.folder / name), error) from None

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        try:
            stream = (self.folder / name).open("rb")
        except OSError as error:
            raise _unreadable(str(self.folder / name), error) from None
        with stream:
            yield stream

    def names(self, folder: str) -> set[str]:
        place = self.folder / folder
        try:
            names = {one.name for one in place.iterdir() if one.is_file()} if place.is_dir() else set[str]()
        except OSError as error:
            raise _unreadable(str(place), error) from None
        return {one for one in names if not _is_beside(one)}

    def sweep(self, folder: str) -> None:
        place = self.folder / folder
        try:
            for one in list(place.iterdir()) if place.is_dir() else ():
                if _is_beside(one.name):
                    one.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(str(place), error) from None

    def remove(self, folder: str) -> None:
        import shutil

        place = self.folder / folder
        try:
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(str(place), error) from None


class Remote:
    """A folder in a bucket or on another machine, where an upload is there only when it is whole."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    @functools.cached_property
    def _place(self) -> tuple[Any, str]:
        return connected(self.url)

    def write(self, name: str, body: bytes) -> None:
        system, root = self._place
        try:
            system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
            system.pipe_file(f"{root}/{name}", body)
        except failures() as error:
            raise _unwritable(f"{self.url}/{name}", error) from None

    @contextlib.contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        system, root = self._place
        path = f"{root}/{name}"
        try:
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
            stream = system.open(path, "wb", autocommit=False)
            try:
                yield cast(BinaryIO, stream)
            except BaseException:
                # Closing first would make of what is there so far a whole file.
                stream.discard()
                raise
            stream.close()
            stream.commit()
        except failures() as error:
            raise _unwritable(f"{self.url}/{name}", error) from None

    def read(self, name: str) -> bytes | None:
        system, root = self._place
        try:
            return cast(bytes, system.cat_file(f"{root}/{name}"))
        except FileNotFoundError:
            return None
        except failures() as error:
            raise _unreadable(f"{self.url}/{name}", error) from None

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        system, root = self._place
        try:
            stream = system.open(f"{root}/{name}", "rb")
        except failures() as error:
            raise _unreadable(f"{self.url}/{name}", error) from None
        with stream:
            yield cast(BinaryIO, stream)

    def names(self, folder: str) -> set[str]:
        system, root = self._place
        try:
            system.invalidate_cache()
            rows = system.ls(f"{root}/{folder}".rstrip("/"), detail=True)
        except FileNotFoundError:
            return set()
        except failures() as error:
            raise _unreadable(f"{self.url}/{folder}", error) from None
        return {str(one["name"]).rpartition("/")[2] for one in rows if one["type"] == "file"}

    def sweep(self, folder: str) -> None:
        """Nothing: what was not uploaded to its end is not there."""

    def remove(self, folder: str) -> None:
        system, root = self._place
        try:
            system.invalidate_cache()
            if system.exists(f"{root}/{folder}"):
                system.rm(f"{root}/{folder}", recursive=True)
        except failures() as error:
            raise _unwritable(f"{self.url}/{folder}", error) from None


def connected(url: str) -> tuple[Any, str]:
    """The fsspec file system of `url` and the path in it. `TargetError` where it needs what is not installed."""
    fsspec = importlib.import_module("fsspec")
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise TargetError(issue("batch.no-file-system", url=url, reason=error)) from None
    return system, path.rstrip("/")


def failures() -> tuple[type[Exception], ...]:
    """What a file system raises; those of S3 are known only where it was loaded, and are no OSErrors."""
    loaded = sys.modules.get("botocore.exceptions")
    return (OSError, TimeoutError, *((loaded.BotoCoreError, loaded.ClientError) if loaded else ()))


def _is_beside(name: str) -> bool:
    return name.startswith(".") and name.endswith(".part")


def reason(error: BaseException) -> str:
    """Why something could not be read or written, in the words of the system."""
    told = getattr(error, "strerror", None)
    return str(told) if told else f"{type(error).__name__}: {error}"[:200]


def _unwritable(place: str, error: BaseException) -> TargetError:
    return TargetError(issue("batch.cannot-write", file=place, reason=reason(error)))


def _unreadable(place: str, error: BaseException) -> TargetError:
    return TargetError(issue("batch.cannot-read", file=place, reason=reason(error)))
