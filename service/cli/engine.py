"""The settings and the converter of a command; a map or package that cannot be used ends it with exit code 3."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service import config

if TYPE_CHECKING:
    from service.fhir.definitions import Definitions
    from service.pipeline import Converter

MAPPINGS = click.option(
    "--mappings",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with mapping variants of your own; may be repeated.",
)


def settings(**flags: Any) -> config.Settings:
    """The settings in force, flags over environment."""
    return config.load(**flags)


def converter(chosen: config.Settings) -> "Converter":
    """Everything compiled."""
    from service.pipeline import Converter

    return Converter.load(**chosen.for_converter())


def definitions(chosen: config.Settings, packages: Sequence[Path] = ()) -> "Definitions":
    """R4 core, our own artefacts, the packages of the installation, and these."""
    from service.fhir.definitions import core

    folder = chosen.package_folder
    files = [*(sorted(folder.glob("*.tgz")) if folder.is_dir() else []), *packages]
    if not files:
        return core()
    from service.fhir.packages import read_package

    return core().with_packages([read_package(file) for file in files])
