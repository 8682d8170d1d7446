"""What cannot go on: one clear sentence on standard error and exit code 3."""

import contextlib
import os
from collections.abc import Iterator

import click

from service.config import SettingsError
from service.issues import Issue, issue


class CouldNotRun(click.ClickException):
    """Ends the command with exit code 3 and the text of the issues."""

    exit_code = 3

    def __init__(self, *issues: Issue) -> None:
        super().__init__("\n".join(_sentence(found) for found in issues))
        self.issues = issues


def _sentence(found: Issue) -> str:
    place = f"{found.line}:{found.column}: " if found.line else ""
    return (f"{found.where}: " if found.where else place) + found.text(spoken())


def _carried(error: Exception) -> list[Issue]:
    one = getattr(error, "issue", None)
    found = [one] if one is not None else list(getattr(error, "issues", ()))
    return [row for row in found if isinstance(row, Issue)]


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
    except (CouldNotRun, BrokenPipeError):
        raise  # Said already; or whoever read our output has had enough, and click ends quietly.
    except OSError as error:
        found = issue("cli.cannot-read", file=error.filename or "?", reason=error.strerror or type(error).__name__)
        raise CouldNotRun(found) from None
    except Exception as error:
        # The errors of the layers below (a map, a package, the store, a place out of reach) carry what is to be said.
        carried = _carried(error)
        if not carried:
            raise
        raise CouldNotRun(*carried) from None
