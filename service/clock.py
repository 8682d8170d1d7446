"""The time of day, as a parameter: whoever needs it takes a `Clock`, tests pass one that stands still."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

HELSINKI = ZoneInfo("Europe/Helsinki")

Clock = Callable[[], datetime]


def now() -> datetime:
    """This moment in Helsinki, with its offset."""
    return datetime.now(HELSINKI)
