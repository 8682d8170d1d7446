"""Which characters our fonts can draw: read from their `cmap` tables.

https://learn.microsoft.com/typography/opentype/spec/cmap (formats 4 and 12)
"""

import functools
import re
import struct
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
REGULAR = FOLDER / "NotoSans-Regular.ttf"

# Joiners and variation selectors only steer how their neighbours look; alone they are nothing.
INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]")


@functools.cache
def unknown() -> re.Pattern[str]:
    """Matches every character that the fonts cannot draw."""
    spans = "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in _spans())
    return re.compile(f"[^\t\n\r{spans}]")


def _spans() -> list[tuple[int, int]]:
    """First and last characters of every run in the font."""
    data = REGULAR.read_bytes()
    count = struct.unpack_from(">H", data, 4)[0]
    tables = {data[at : at + 4]: struct.unpack_from(">I", data, at + 8)[0] for at in range(12, 12 + 16 * count, 16)}
    start = tables[b"cmap"]
    for index in range(struct.unpack_from(">H", data, start + 2)[0]):
        at = start + struct.unpack_from(">I", data, start + 4 + 8 * index + 4)[0]
        if struct.unpack_from(">H", data, at)[0] == 12:
            groups = struct.unpack_from(">I", data, at + 12)[0]
            every = (struct.unpack_from(">III", data, at + 16 + 12 * one) for one in range(groups))
            return [(first, last) for first, last, _ in every if first >= 0x20]
    raise ValueError(f"{REGULAR.name} has no cmap of format 12")
