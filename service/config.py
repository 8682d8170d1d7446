"""Settings: each is a variable `YHDESSA_<NAME>`, most also a flag of the commands that use it; see docs/settings.md.

A flag wins over the variable, the variable over the default.
"""

import ipaddress
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

PREFIX = "YHDESSA_"
# Everybody can read this key, so ids made with it can be traced back to a HETU by trying. It is for examples only.
TEST_KEY = "yhdessa-test-key-for-synthetic-data-only"

ActivityStyle = Literal["detail", "reference"]
Language = Literal["fi", "sv", "en"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseModel):
    """Every setting there is; the description of each is its documentation."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    host: str = Field("127.0.0.1", description="Address to listen on. Others than loopback need registered clients.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port to listen on.")
    data: Path = Field(Path("var/data"), description="Folder for everything the service keeps on disk.")
    database: str | None = Field(
        None, description="URL of the database, for example `postgresql+psycopg://…`. Unset: SQLite in the data folder."
    )
    workers: int = Field(1, ge=1, le=64, description="Worker processes.")
    threads: int = Field(8, ge=1, le=256, description="Threads in each worker.")
    timeout: int = Field(60, ge=1, description="Seconds after which a worker that no longer answers is replaced.")
    max_body: int = Field(20_000_000, ge=1_000, description="Longest request body, in bytes; a longer one is a 413.")
    base_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$",
        description="Address at which clients reach the service, for example `https://fhir.example.org`. Links, the"
        " audience of tokens and the token endpoint are made with it. Unset: as the request says (loopback only).",
    )
    token_key: Path | None = Field(
        None,
        description="File with the private key (PEM, P-384) that signs access tokens, one for all replicas. Unset:"
        " `token-key.pem` in the data folder, made when it is missing.",
    )
    token_seconds: int = Field(300, ge=10, le=3600, description="Seconds that an access token is good for.")
    issuers: Path | None = Field(
        None,
        description="TOML file with a region's own authorization servers. Unset: `issuers.toml` in the data folder,"
        " where there is one.",
    )
    fetch_private: bool = Field(
        False, description="Whether keys (JWKS) may be fetched from private and loopback addresses."
    )
    rate: int = Field(
        100,
        ge=0,
        description="Requests a second that one client may make of each worker, ten times as many in a burst; more are"
        " a 429. 0 is no limit. The machine's own callers without a token have none.",
    )
    id_key: SecretStr = Field(
        SecretStr(TEST_KEY),
        min_length=32,
        description="Secret that makes the stable ids (HMAC-SHA-256), at least 32 characters. Changing it changes every"
        " id. The default is a public test key.",
    )
    mappings: tuple[Path, ...] = Field(
        (), description="Folders with mapping variants of your own, separated like `PATH`."
    )
    packages: Path | None = Field(
        None, description="Folder with further FHIR packages (`.tgz`). Unset: `packages` in the data folder."
    )
    activity_style: ActivityStyle = Field(
        "detail",
        description="How a measure stands in the CarePlan: `detail`, or `reference` to a Task or ServiceRequest.",
    )
    language: Language = Field(
        "en", description="Language of messages where the caller asks for none: `fi`, `sv`, `en`."
    )
    log_level: LogLevel = Field("info", description="Least severe log line that is written: `debug` to `error`.")

    @field_validator("mappings", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(Path(part) for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @property
    def package_folder(self) -> Path:
        """Where added FHIR packages lie."""
        return self.packages or self.data / "packages"

    def for_converter(self) -> dict[str, Any]:
        """The arguments of `pipeline.Converter.load`: key, variants and the folder of packages, if there is one."""
        folder = self.package_folder
        return {
            "key": self.id_key.get_secret_value().encode(),
            "variants": self.mappings,
            "packages": folder if folder.is_dir() else None,
        }

    @property
    def uses_test_key(self) -> bool:
        return self.id_key.get_secret_value() == TEST_KEY

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


def load(**flags: Any) -> Settings:
    """The settings of this process; `flags` that are not None win over the environment. Raises `SettingsError`."""
    # Reading variables takes these lines; pydantic-settings takes a fifteenth of the start to load.
    variables = {name: os.environ.get(f"{PREFIX}{name.upper()}") for name in Settings.model_fields}
    given = {name: value for name, value in variables.items() if value}
    try:
        return Settings.model_validate(given | {name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        # Only the first, and never the value: it may be the secret.
        first = error.errors(include_input=False, include_url=False)[0]
        raise SettingsError(f"{PREFIX}{str(first['loc'][0]).upper()}", first["msg"]) from None
