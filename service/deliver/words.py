"""The words of disclosures in Finnish, Swedish and English, from `words.toml`."""

import functools
import tomllib
from pathlib import Path

Words = dict[str, dict[str, dict[str, str]]]


@functools.cache
def words() -> Words:
    """Every word: by table, by name, by language."""
    return tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))


def purpose(sector: str) -> str:
    """What a disclosure to a sector is for, where the permission does not say; in Finnish, as the log is kept."""
    table = words()["purpose"]
    return table.get(sector, table["other"])["fi"]
