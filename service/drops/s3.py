"""A bucket of S3, or of what speaks as it does, as a drop: `s3://bucket/prefix`. Needs the extra `s3`.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html: an object is there whole or not at all.
"""

import contextlib
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Self
from urllib.parse import SplitResult

from service.credentials import secret
from service.drops.base import CHUNK, Drop, DropError, checked
from service.drops.hosts import is_loopback
from service.issues import issue

_SHORT = 8 << 20


class S3Drop(Drop):
    """Nothing is cached: what another process has left is seen."""

    def __init__(self, bucket: str, prefix: str, filesystem: Any) -> None:
        prefix = prefix.strip("/")
        self._root = f"{bucket}/{prefix}" if prefix else bucket
        super().__init__(f"s3://{self._root}")
        self._fs = filesystem

    @classmethod
    def of(cls, url: SplitResult, options: Mapping[str, Any]) -> Self:
        """The drop at `url`; options as `service.drops.options_of("s3")` tells."""
        try:
            import s3fs  # type: ignore[import-untyped]
        except ImportError:
            raise DropError(issue("drops.library", scheme="s3://", extra="s3")) from None
        if not url.hostname or url.username or any(step in (".", "..") for step in url.path.split("/")):
            raise DropError(issue("drops.address", url=url.geturl()))
        endpoint = options.get("endpoint")
        if endpoint and not (str(endpoint).startswith("https://") or is_loopback(str(endpoint))):
            raise DropError(issue("drops.plain", url=endpoint))
        key, private = secret(options, "key_id"), secret(options, "secret")
        if (key is None) != (private is None):
            raise DropError(issue("drops.option-value", name="key_id", expected="both an access key id and its secret"))
        seconds = options.get("timeout", 30)
        encryption = options.get("encryption")
        filesystem = s3fs.S3FileSystem(
            key=key,
            secret=private,
            endpoint_url=endpoint,
            client_kwargs={"region_name": options["region"]} if "region" in options else {},
            config_kwargs={"connect_timeout": seconds, "read_timeout": seconds, "retries": {"max_attempts": 2}},
            s3_additional_kwargs={"ServerSideEncryption": encryption} if encryption else {},
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        return cls(url.netloc, url.path, filesystem)

    def size(self, name: str) -> int | None:
        with self._told(name):
            try:
                found = self._fs.info(self._path(name))
            except FileNotFoundError:
                return None
        return int(found["size"]) if found["type"] == "file" else None

    def chunks(self, name: str) -> Generator[bytes, None, None]:
        with self._told(name), self._fs.open(self._path(name), "rb", cache_type="readahead") as opened:
            while chunk := opened.read(CHUNK):
                yield chunk

    def list(self, prefix: str = "") -> list[str]:
        with self._told(""):
            found = self._fs.find(self._root)
        names = (str(one).removeprefix(f"{self._root}/") for one in found)
        return sorted(name for name in names if name.startswith(prefix))

    def delete(self, name: str) -> bool:
        if not self.exists(name):
            return False
        with self._told(name):
            self._fs.rm_file(self._path(name))
        return True

    def tidy(self, seconds: float) -> int:
        """Nothing is ever half there; the bucket's own lifecycle rule ends uploads that were not completed."""
        return 0

    def close(self) -> None:
        """The connections belong to the library, which closes them."""

    def _path(self, name: str) -> str:
        return f"{self._root}/{checked(name)}"

    def _stage(self, name: str) -> "_StagedObject":
        return _StagedObject(self, name)

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            yield
        except FileNotFoundError:
            key = "drops.missing" if name else "drops.no-folder"
            raise DropError(issue(key, name=name, url=self.url), permanent=False) from None
        except PermissionError:
            raise DropError(issue("drops.refused", url=self.url), permanent=False) from None
        except (OSError, BotoCoreError, ClientError) as error:
            # Only the kind: the message of some holds the request with its signature.
            raise DropError(issue("drops.failed", url=self.url, reason=type(error).__name__), permanent=False) from None


class _StagedObject:
    """Short bodies are one request; a long one goes in parts, which count for nothing before the last request."""

    def __init__(self, drop: S3Drop, name: str) -> None:
        self._drop, self._name, self._path = drop, name, drop._path(name)
        self._short = bytearray()
        self._file: Any = None

    def write(self, data: bytes) -> None:
        with self._drop._told(self._name):
            if self._file is None and len(self._short) + len(data) <= _SHORT:
                self._short += data
                return
            if self._file is None:
                self._file = self._drop._fs.open(self._path, "wb", autocommit=False, block_size=_SHORT)
                self._file.write(bytes(self._short))
            self._file.write(data)

    def commit(self, replace: bool) -> None:
        with self._drop._told(self._name):
            if self._file is None:
                self._drop._fs.pipe_file(self._path, bytes(self._short))
            else:
                self._file.close()
                self._file.commit()
                self._file = None

    def abandon(self) -> None:
        opened, self._file = self._file, None
        if opened is not None:
            with contextlib.suppress(DropError), self._drop._told(self._name):
                opened.close()
                opened.discard()
