"""What a request works with: the store, the use log, the address of this service."""

from typing import cast

from service.api.call import call
from service.api.engine import engine
from service.store import Store
from service.store.audit import Recorder


def store() -> Store:
    """The store of the application that answers this request."""
    return cast(Store, call().app.extensions["yhdessa-store"])


def recorder() -> Recorder:
    """Keeps use log entries."""
    return cast(Recorder, call().app.extensions["yhdessa-recorder"])


def root() -> str:
    """The address of this service without a slash at the end."""
    return (engine().settings.base_url or call().request.host_url).rstrip("/")


def base() -> str:
    """The address of the FHIR face without a slash at the end."""
    return f"{root()}/fhir"
