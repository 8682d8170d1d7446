"""Settings: each is a variable `YHDESSA_<NAME>`, most also a flag of the commands that use it; see docs/settings.md.

A flag wins over the variable, the variable over the default.
"""
# ruff: noqa: RUF009 - `setting` is `dataclasses.field` and makes nothing that instances would share.

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from service.setting import Secret, declared, setting

PREFIX = "YHDESSA_"
# Everybody can read this key, so ids made with it can be traced back to a HETU by trying. It is for examples only.
TEST_KEY = "yhdessa-test-key-for-synthetic-data-only"

ActivityStyle = Literal["detail", "reference"]
ClientIds = Literal["own", "any"]
Language = Literal["fi", "sv", "en"]
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True)
class Settings:
    """Every setting there is; the description of each is its documentation. Made by `load`, which checks the values."""

    host: str = setting("127.0.0.1", description="Address to listen on. Others than loopback need registered clients.")
    port: int = setting(8080, ge=0, le=65535, description="TCP port to listen on.")
    data: Path = setting(Path("var/data"), description="Folder for everything the service keeps on disk.")
    database: str | None = setting(
        None, description="URL of the database, for example `postgresql+psycopg://…`. Unset: SQLite in the data folder."
    )
    workers: int = setting(1, ge=1, le=64, description="Worker processes.")
    threads: int = setting(8, ge=1, le=256, description="Threads in each worker.")
    timeout: int = setting(60, ge=1, description="Seconds after which a worker that no longer answers is replaced.")
    max_body: int = setting(20_000_000, ge=1_000, description="Longest request body, in bytes; a longer one is a 413.")
    base_url: str | None = setting(
        None,
        pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$",
        description="Address at which clients reach the service, for example `https://fhir.example.org`. Links, the"
        " audience of tokens and the token endpoint are made with it. Unset: as the request says (loopback only).",
    )
    token_key: Path | None = setting(
        None,
        description="File with the private key (PEM, P-384) that signs access tokens, one for all replicas. Unset:"
        " `token-key.pem` in the data folder, made when it is missing.",
    )
    token_seconds: int = setting(300, ge=10, le=3600, description="Seconds that an access token is good for.")
    issuers: Path | None = setting(
        None,
        description="TOML file with a region's own authorization servers. Unset: `issuers.toml` in the data folder,"
        " where there is one.",
    )
    fetch_private: bool = setting(
        False, description="Whether keys (JWKS) may be fetched from private and loopback addresses."
    )
    rate: int = setting(
        100,
        ge=0,
        description="Requests a second that one client may make of each worker, ten times as many in a burst; more are"
        " a 429. 0 is no limit. The machine's own callers without a token have none.",
    )
    client_ids: ClientIds = setting(
        "own",
        description="Which ids a client may choose for something new (`PUT`): `own`, those that begin with the OID of"
        " its organisation and a hyphen, or `any`. With `any` it can find out which ids other organisations have.",
    )
    id_key: Secret = setting(
        Secret(TEST_KEY),
        min_length=32,
        description="Secret that makes the stable ids (HMAC-SHA-256), at least 32 characters. Changing it changes every"
        " id. The default is a public test key.",
    )
    mappings: tuple[Path, ...] = setting(
        (), description="Folders with mapping variants of your own, separated like `PATH`."
    )
    packages: Path | None = setting(
        None, description="Folder with further FHIR packages (`.tgz`). Unset: `packages` in the data folder."
    )
    exports: Path | None = setting(
        None,
        description="Folder for the files of bulk exports; several replicas share one. Unset: `exports` in the data"
        " folder.",
    )
    export_runners: int = setting(
        1,
        ge=0,
        le=16,
        description="Bulk exports that run at once, in all processes together. 0: `serve` runs none and `yhdessa export"
        " run` does.",
    )
    export_bytes: int = setting(
        100_000_000, ge=10_000, description="Bytes after which a file of a bulk export ends and the next one begins."
    )
    export_hours: int = setting(
        24, ge=1, le=8760, description="Hours that a finished bulk export can be downloaded; then it is deleted."
    )
    receivers: Path | None = setting(
        None, description="Folder with the receivers' files (`*.toml`). Unset: `receivers` in the data folder."
    )
    policies: Path | None = setting(
        None, description="Folder with a region's own disclosure policies (`*.toml`). Unset: those of the program."
    )
    delivery_workers: int = setting(1, ge=1, le=64, description="Worker processes of `yhdessa deliver`.")
    delivery_lease: int = setting(
        60,
        ge=2,
        le=3600,
        description="Seconds that a worker holds what it has in hand without renewing it; then others take it over. So"
        " long what a worker had in hand waits when its machine fails.",
    )
    delivery_metrics: int | None = setting(
        None, ge=1, le=65535, description="Port on loopback at which `yhdessa deliver` shows its metrics. Unset: none."
    )
    activity_style: ActivityStyle = setting(
        "detail",
        description="How a measure stands in the CarePlan: `detail`, or `reference` to a Task or ServiceRequest.",
    )
    language: Language = setting(
        "en", description="Language of messages where the caller asks for none: `fi`, `sv`, `en`."
    )
    telemetry: bool = setting(
        False,
        description="Whether traces (OpenTelemetry) of requests and transactions are sent to where"
        " `OTEL_EXPORTER_OTLP_ENDPOINT` says. Needs the extra `telemetry`.",
    )
    log_level: LogLevel = setting("info", description="Least severe log line that is written: `debug` to `error`.")

    @property
    def package_folder(self) -> Path:
        """Where added FHIR packages lie."""
        return self.packages or self.data / "packages"

    @property
    def receiver_folder(self) -> Path:
        """Where the receivers' files lie."""
        return self.receivers or self.data / "receivers"

    @property
    def export_folder(self) -> Path:
        """Where the files of bulk exports lie."""
        return self.exports or self.data / "exports"

    def for_converter(self) -> dict[str, Any]:
        """The arguments of `pipeline.Converter.load`: key, variants and the folder of packages, if there is one."""
        folder = self.package_folder
        return {
            "key": self.id_key.reveal().encode(),
            "variants": self.mappings,
            "packages": folder if folder.is_dir() else None,
        }

    @property
    def uses_test_key(self) -> bool:
        return self.id_key.reveal() == TEST_KEY

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


class SettingsError(ValueError):
    """A setting that cannot be used: `name` is its variable, `reason` says what is wrong with it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


SETTINGS = declared(Settings)


def load(**flags: Any) -> Settings:
    """The settings of this process; `flags` that are not None win over the environment. Raises `SettingsError`."""
    given: dict[str, Any] = {}
    for name, one in SETTINGS.items():
        # A variable that is set to nothing is not set.
        value = flags.get(name)
        value = os.environ.get(f"{PREFIX}{name.upper()}") or None if value is None else value
        if value is not None:
            try:
                given[name] = one.read(value)
            except ValueError as error:
                raise SettingsError(f"{PREFIX}{name.upper()}", str(error)) from None
    return Settings(**given)
