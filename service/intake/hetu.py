"""The Finnish personal identity code (HETU): its date, its individual number and its check character.

https://dvv.fi/en/personal-identity-code
"""

import re
from datetime import date

# The look backwards comes second: a search that begins with a set of characters is much quicker.
HETU = re.compile(r"[0-3](?<![0-9A-Za-z].)\d[01]\d{3}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y](?![0-9A-Za-z])", re.IGNORECASE)
"""What looks like one, in any text."""

_CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CENTURIES = dict.fromkeys("ABCDEF", 2000) | dict.fromkeys("-YXWVU", 1900) | {"+": 1800}


def check_character(hetu: str) -> str:
    """The character that must stand last, from the nine digits before it."""
    return _CHECK[int(hetu[:6] + hetu[7:10]) % 31]


def born(hetu: str) -> date | None:
    """The date of birth in it; nothing where there is no such day."""
    try:
        return date(_CENTURIES[hetu[6].upper()] + int(hetu[4:6]), int(hetu[2:4]), int(hetu[:2]))
    except ValueError:
        return None


def individual_number(hetu: str) -> int:
    """002–899 belong to people, 900–999 are for tests and temporary use."""
    return int(hetu[7:10])


def holds_hetu(text: str) -> bool:
    """Whether a code with a real date and the right check character stands somewhere in `text`."""
    return any(born(one) and check_character(one) == one[10].upper() for one in HETU.findall(text))
