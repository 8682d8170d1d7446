"""What commands write into the use log: what was done, and who on this machine did it."""

import getpass
from typing import Any

from service.store import Store
from service.store.audit import Detail, Event, record

CLIENT = "command-line"


def event(action: str, interaction: str, **told: Any) -> Event:
    """A row by whoever runs the command; `action` and `told` as in `Event` and `Detail`."""
    return Event(CLIENT, "", action, "0", Detail(interaction, user=user(), **told))


def note(store: Store, action: str, interaction: str, **told: Any) -> None:
    """Write such a row down, in a transaction of its own."""
    row = event(action, interaction, **told)
    store.database.write(lambda connection: record(connection, [row], store.clock()))


def user() -> str:
    """Who runs the command, as the machine knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # A container may run as a number without a name.
