"""Records and resources as a Parquet table, for those who read the archive with tools for tables.

https://parquet.apache.org/docs/
"""

import importlib
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import msgspec

from service.export.targets import Target, TargetError
from service.issues import issue

_GROUP = 1000
"""Rows that are held in memory and written together."""
COLUMNS = (
    "reference", "version", "updated", "sha256", "controller", "original", "retention_class", "retention_end",
    "patients", "permissions", "resource",
)  # fmt: skip


class Table:
    """One file, written row group by row group; whole or not at all, as any file of a `Target`."""

    def __init__(self, target: Target, name: str) -> None:
        try:
            self._arrow: Any = importlib.import_module("pyarrow")
            self._parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise TargetError(issue("archive.no-parquet")) from None
        text = self._arrow.string()
        kinds = {"version": self._arrow.int64(), "original": self._arrow.bool_(), "patients": self._arrow.list_(text)}
        self._schema = self._arrow.schema([(one, kinds.get(one, text)) for one in COLUMNS])
        self._target, self._name = target, name
        self._rows: list[dict[str, Any]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        stream = self._stack.enter_context(self._target.writer(self._name))
        self._writer = self._parquet.ParquetWriter(stream, self._schema, compression="zstd")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
        self._stack.__exit__(kind, error, trace)

    def add(self, about: dict[str, Any], body: bytes) -> None:
        """Another resource with what is said of it."""
        retention = about["retention"]
        flat = {"retention_class": retention["class"], "retention_end": retention.get("end")}
        given = msgspec.json.encode(about["permissions"]).decode()
        own = {name: about[name] for name in COLUMNS if name in about}
        self._rows.append(own | flat | {"permissions": given, "resource": body.decode()})
        if len(self._rows) >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()
