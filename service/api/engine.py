"""What every request needs, loaded once: the converter and what hangs on it."""

import gc
from dataclasses import dataclass
from typing import cast

from flask import current_app

from service.config import Settings
from service.pipeline import Converter
from service.print.face import narrative


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
        return Engine(settings, Converter.load(**settings.for_converter(), narrator=narrative))
    finally:
        gc.freeze()
        gc.enable()


def engine() -> Engine:
    """The engine of the application that answers this request."""
    return cast(Engine, current_app.extensions["yhdessa"])
