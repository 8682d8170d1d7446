"""`yhdessa config show`: the settings in force, secrets masked."""

from typing import Any

import click

from service.cli.engine import settings
from service.cli.output import JSON
from service.config import PREFIX, SETTINGS, Settings
from service.fhir.json import pretty


@click.group()
def command() -> None:
    """Show the settings in force."""


@command.command()
@JSON
def show(as_json: bool) -> None:
    """Every setting with its value; secrets are masked. Comes from variables `YHDESSA_…`, else the default."""
    rows = shown(settings())
    if as_json:
        click.echo(pretty(rows))
        return
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"{name:<{width}}  {'' if value is None else value}")


def shown(chosen: Settings) -> dict[str, Any]:
    """The settings by the names of their variables."""
    rows = {name: _plain(getattr(chosen, name)) for name in SETTINGS}
    rows["id_key"] = "test key (public)" if chosen.uses_test_key else "********"
    if rows["database"] and "@" in rows["database"]:
        scheme, _, rest = rows["database"].partition("://")
        rows["database"] = f"{scheme}://********@{rest.rpartition('@')[2]}"
    return {f"{PREFIX}{name.upper()}": value for name, value in rows.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
