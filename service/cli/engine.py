"""The settings and the converter of a command; a map or package that cannot be used ends it with exit code 3."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service import config
from service.cli.output import report

if TYPE_CHECKING:
    from service.fhir.definitions import Definitions
    from service.fhir.pack import Pack
    from service.pipeline import Converter

MAPPINGS = click.option(
    "--mappings",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with mapping variants of your own; may be repeated.",
)

PACKAGES = click.option(
    "--package",
    "packages",
    multiple=True,
    metavar="FILE.tgz",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="FHIR package with further definitions; may be repeated.",
)


def settings(**flags: Any) -> config.Settings:
    """The settings in force, flags over environment."""
    return config.load(**flags)


def converter(chosen: config.Settings) -> "Converter":
    """Everything compiled."""
    from service.pipeline import Converter
    from service.print.face import narrative

    return Converter.load(**chosen.for_converter(), narrator=narrative)


def definitions(chosen: config.Settings, packages: Sequence[Path] = ()) -> "Definitions":
    """R4 core, the Finnish profiles and our own artefacts, the packages of the installation, and these; later ones win.

    A package of the installation that is broken is left out and told on standard error.
    """
    from service.fhir.definitions import ours
    from service.fhir.packages import load_packages, read_package

    folder = chosen.package_folder
    layers: list[Pack] = []
    if folder.is_dir():
        loaded = load_packages(folder)
        report(str(folder), loaded.issues, as_json=False, language=chosen.language)
        layers += loaded.packages
    return ours().with_packages([*layers, *(read_package(file) for file in packages)])
