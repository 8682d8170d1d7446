"""The parts of an address under `/fhir`: a type, an id, a version.

https://hl7.org/fhir/R4/http.html#general, https://hl7.org/fhir/R4/datatypes.html#id
"""

from flask import Flask
from werkzeug.routing import BaseConverter


class TypeName(BaseConverter):
    """Anything that could be the name of a type: which there are, the request is told."""

    regex = r"(?!metadata\b)[A-Za-z][A-Za-z0-9]{0,63}"


class Id(BaseConverter):
    regex = r"[A-Za-z0-9\-.]{1,64}"


def install(app: Flask) -> None:
    """Let routes say `<type:…>` and `<fid:…>`."""
    app.url_map.converters |= {"type": TypeName, "fid": Id}
