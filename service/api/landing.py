"""`/`: a short page for a person who opens the service in a browser."""

import html

from flask import Blueprint, Response

from service.api.answers import language
from service.api.metadata import VERSION

blueprint = Blueprint("landing", __name__)

_TEXTS = {
    "fi": (
        "Yhdessä FHIR -palvelu",
        "Palvelu muuntaa perhekeskustiimien tapaamiset, tiimit ja yhteiset suunnitelmat FHIR R4 -muotoon.",
    ),
    "sv": (
        "Yhdessä FHIR-tjänsten",
        "Tjänsten omvandlar familjecenterteamens möten, team och gemensamma planer till FHIR R4.",
    ),
    "en": (
        "Yhdessä FHIR service",
        "It turns the meetings, care teams and shared plans of family-centre teams into FHIR R4.",
    ),
}
_LINKS = ("/openapi.json", "/fhir/metadata", "/ready", "/health")


@blueprint.get("/")
def landing() -> Response:
    spoken = language()
    title, text = (html.escape(part) for part in _TEXTS[spoken])
    links = "".join(f'<li><a href="{link}">{link}</a></li>' for link in _LINKS)
    page = (
        f'<!doctype html><html lang="{spoken}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f"<body><main><h1>{title}</h1><p>{text}</p><p><code>POST /documents</code></p>"
        f"<ul>{links}</ul><p>{html.escape(VERSION)}</p></main></body></html>"
    )
    return Response(page, content_type="text/html; charset=utf-8")
