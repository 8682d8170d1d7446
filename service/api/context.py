"""What a request works with: the store, the use log, the address of this service."""

from service.api.call import call
from service.api.engine import engine
from service.store import Store
from service.store.audit import Recorder


def store() -> Store:
    """The store of the application that answers this request."""
    found: Store = call().app.extensions["yhdessa-store"]
    return found


def recorder() -> Recorder:
    """Keeps use log entries."""
    found: Recorder = call().app.extensions["yhdessa-recorder"]
    return found


def root() -> str:
    """The address of this service without a slash at the end."""
    return (engine().settings.base_url or call().request.host_url).rstrip("/")


def base() -> str:
    """The address of the FHIR face without a slash at the end."""
    return f"{root()}/fhir"
