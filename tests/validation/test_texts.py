"""The table of issues of the validator: every key is used, and every text has what it names."""

import re
import string
import tomllib
from pathlib import Path

import service.validation
from service.issues import LANGUAGES, kinds

FOLDER = Path(service.validation.__file__).parent
TABLE = FOLDER.parent / "texts" / "validation.toml"


def used() -> set[str]:
    """The keys in the code."""
    return {
        key for file in FOLDER.glob("*.py") for key in re.findall(r'"validation\.([a-z-]+)"', file.read_text("utf-8"))
    }


def test_every_key_is_used_and_every_used_key_is_there() -> None:
    assert set(tomllib.loads(TABLE.read_text("utf-8"))) == used()


def test_the_three_texts_of_a_key_name_the_same_values() -> None:
    for key, kind in kinds().items():
        if key.startswith("validation."):
            names = [{name for _, name, _, _ in string.Formatter().parse(kind.texts[one]) if name} for one in LANGUAGES]
            assert names[0] == names[1] == names[2], key
