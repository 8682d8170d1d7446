"""What cannot go on: one clear sentence on standard error and exit code 3."""

import contextlib
import os
from collections.abc import Iterator

import click

from service.config import SettingsError
from service.fhir.json import JsonError
from service.issues import Issue, issue


class CouldNotRun(click.ClickException):
    """Ends the command with exit code 3 and the text of the issue."""

    exit_code = 3

    def __init__(self, found: Issue) -> None:
        where = f"{found.where}: " if found.where else ""
        super().__init__(where + found.text(spoken()))
        self.issue = found


def spoken() -> str:
    """The language of messages, even where the settings themselves are what cannot be read."""
    wanted = os.environ.get("YHDESSA_LANGUAGE", "en")
    return wanted if wanted in ("fi", "sv", "en") else "en"


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn the errors that mean "could not run" into `CouldNotRun`."""
    try:
        yield
    except SettingsError as error:
        raise CouldNotRun(issue("cli.setting", name=error.name, reason=error.reason)) from None
    except JsonError as error:
        raise CouldNotRun(error.issue) from None
    except BrokenPipeError:
        raise  # Whoever read our output has had enough; click ends quietly.
    except OSError as error:
        found = issue("cli.cannot-read", file=error.filename or "?", reason=error.strerror or type(error).__name__)
        raise CouldNotRun(found) from None
