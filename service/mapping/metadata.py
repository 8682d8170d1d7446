"""The metadata lines of a map (`/// title = 'A title'`) and how they are written.

https://build.fhir.org/ig/HL7/mapping-language-ig/fml.html#metadata
"""

import re
from decimal import Decimal
from typing import Any

from service.mapping.lexer import quote, unquote
from service.mapping.terms import Cursor, as_literal

_LINE = re.compile(r"///[ \t]*(?P<key>[A-Za-z][\w.\[\]-]*)[ \t]*=[ \t]*(?P<value>.*)", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s/]+")


def read_metadata(cursor: Cursor) -> list[tuple[str, Any]]:
    """The `(element path, value)` of the metadata lines where the cursor stands; no value is None."""
    found: list[tuple[str, Any]] = []
    while cursor.token.kind == "meta":
        token = cursor.next()
        match = _LINE.match(token.text)
        if match is None:
            continue
        text = match["value"].strip()
        if text.startswith('"""'):
            found.append((match["key"], text.removeprefix('"""').removesuffix('"""').strip("\r\n")))
            continue
        literal = _LITERAL.match(text)
        if literal is None:
            found.append((match["key"], None))
            continue
        value = unquote(literal[0]) if literal[0][0] in "'\"" else as_literal(literal[0])
        if value is None:
            cursor.report("fml.metadata-value", cursor.place(token), name=match["key"], value=literal[0])
        found.append((match["key"], value))
    return found


def write_metadata(pairs: list[tuple[str, Any]]) -> list[str]:
    """One line for each pair; a text of several lines in triple quotes."""
    lines: list[str] = []
    for key, value in pairs:
        if value is None:
            lines.append(f"/// {key} =")
        elif isinstance(value, bool):
            lines.append(f"/// {key} = {'true' if value else 'false'}")
        elif isinstance(value, int | Decimal):
            lines.append(f"/// {key} = {value}")
        elif "\n" in value and '"""' not in value:
            lines.append(f'/// {key} = """\n{value}\n"""')
        else:
            lines.append(f"/// {key} = {quote(value)}")
    return lines
