"""What every request needs, loaded once: the converter and what hangs on it."""

import gc
from dataclasses import dataclass
from typing import Any

from service.api.call import call
from service.config import Settings
from service.pipeline import Converter


@dataclass(frozen=True, slots=True)
class Engine:
    """The loaded service."""

    settings: Settings
    converter: Converter


def load(settings: Settings) -> Engine:
    """Everything compiled. Raises what `Converter.load` raises: a bad map or package, with its place."""
    # What is loaded stays until the end: looking through it for garbage costs a fifth of the start, and memory that
    # workers share only as long as nobody touches it.
    gc.disable()
    try:
        return Engine(settings, Converter.load(**settings.for_converter(), narrator=_narrative))
    finally:
        gc.freeze()
        gc.enable()


def _narrative(care_plan: dict[str, Any], resources: Any) -> dict[str, str]:
    # What prints a plan is loaded with the first plan: it is a fifth of the start.
    from service.print.face import narrative

    return narrative(care_plan, resources)


def engine() -> Engine:
    """The engine of the application that answers this request."""
    found: Engine = call().app.extensions["yhdessa"]
    return found
