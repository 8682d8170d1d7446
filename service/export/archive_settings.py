"""The settings of the archive: one TOML file, read strictly; see docs/archive.md."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.drops import options_of
from service.export.retention import RetentionError
from service.issues import issue
from service.strict_toml import Key, read_toml

FILE = "archive.toml"
FORMATS = ("ndjson", "parquet")
_OID = r"[0-2](?:\.(?:0|[1-9]\d*)){1,30}"
SUBMIT = {
    "receiver": Key("file", "File that says where the archive's FHIR face is and who we are to it.", required=True),
    "system": Key("text", "System of our identifier there.", required=True),
    "value": Key("text", "Our identifier there.", required=True),
    "client": Key("text", "Id of the client by which the archive reads files here (role `archive`).", required=True),
}
KEYS = {
    "name": Key("text", "Name of the archive.", required=True),
    "to": Key("text", "Where the bags go: `file:///…`, `sftp://…`, `s3://…`.", required=True),
    "organisation": Key(
        "text",
        "OID of the archive's controller. Unset: it is our own, and a run is no disclosure.",
        pattern=_OID,
        expected="an OID without `urn:oid:`",
    ),
    "controllers": Key(
        "texts", "OIDs of the registers to archive. Unset: all.", pattern=_OID, expected="OIDs without `urn:oid:`"
    ),
    "purpose": Key("text", "What for.", default="archiving"),
    "basis": Key("text", "The provision that a disclosure to another controller relies on."),
    "formats": Key("texts", "`ndjson`, and `parquet` beside it.", default="ndjson"),
    "plans": Key("flag", "Whether each plan is archived as PDF/A too.", default="true"),
    "retention": Key("file", "Rules of your own in place of those that travel with the program."),
    "facts": Key("file", "Closings and deaths of clients (NDJSON), from the client system."),
}


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """What the file says."""

    name: str
    to: str
    organisation: str = ""
    controllers: tuple[str, ...] = ()
    purpose: str = "archiving"
    basis: str = ""
    formats: tuple[str, ...] = ("ndjson",)
    plans: bool = True
    retention: Path | None = None
    facts: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    submit: dict[str, Any] = field(default_factory=dict)


def load(file: Path) -> ArchiveSettings:
    """The settings in `file`. Raises `RetentionError` with what is wrong, each with its line."""

    def keys(given: Any) -> dict[str, Key]:
        scheme = str(given.get("to", "")).partition("://")[0] if isinstance(given, dict) else ""
        own = dict(options_of(scheme))
        return KEYS | {
            "options": Key("table", "Options of the place, as of a receiver that takes files.", keys=own),
            "submit": Key("table", "An archive that offers `$bulk-submit`.", keys=SUBMIT),
        }

    if not file.exists():
        raise RetentionError([issue("archive.no-settings", file=file)])
    read, reader = read_toml(file, keys)
    formats = tuple(read.get("formats", ("ndjson",)))
    for one in formats:
        if one not in FORMATS:
            reader.wrong("toml.value", ("formats",), expected=f"one of {', '.join(FORMATS)}")
    if read.get("organisation") and not read.get("basis"):
        reader.wrong("toml.missing", ("basis",), what="The provision that a disclosure relies on.")
    if reader.issues:
        raise RetentionError(reader.issues)
    places: dict[str, Any] = {name: Path(read[name]) for name in ("retention", "facts") if name in read}
    lists: dict[str, Any] = {"formats": formats, "controllers": tuple(read.get("controllers", ()))}
    return ArchiveSettings(**{**read, **lists, **places})
