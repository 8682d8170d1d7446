"""`CarePlan/{id}/$print`, and a plan read as `application/pdf`: the family's paper, as far as the caller may see.

https://hl7.org/fhir/R4/operations.html, https://hl7.org/fhir/R4/http.html#mime-type
"""

from datetime import datetime
from typing import Any, cast

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import NotAcceptable

from service.api import auditing, read
from service.api.answers import FHIR_TYPES
from service.api.caller import caller, may
from service.api.context import store
from service.api.errors import Refused
from service.api.operation_definitions import OWN
from service.api.operations import Operation
from service.api.parameters import given
from service.api.scopes import covers

PDF = "application/pdf"
TYPES = {"pdf": PDF, "html": "text/html"}
OPERATIONS = (
    Operation(
        "print",
        f"{OWN}CarePlan-print",
        ("CarePlan",),
        documentation="The family's paper as PDF/UA or HTML: `language` (fi, sv, en), `format` (pdf, html), `child`,"
        " `archive`. A read with `Accept: application/pdf` gives the same.",
    ),
)
_KNOWN = {"language": "text", "format": "text", "child": "flag", "archive": "flag"}
# The page brings its own style and needs nothing else.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

blueprint = Blueprint("print", __name__)


@blueprint.route("/fhir/CarePlan/<fid:id_>/$print", methods=["GET", "POST"])
def of_plan(id_: str) -> Response:
    auditing.begin("print", "E", "CarePlan/$print")
    may("r", "CarePlan")
    wanted = given(_KNOWN)
    return _paper(id_, wanted | {"format": wanted.get("format") or _accepted()})


def instead(id_: str) -> Response:
    """The answer to a read by a caller who wants a PDF more than a resource; called by the read of any type."""
    auditing.begin("print", "R", "CarePlan/$print")
    may("r", "CarePlan")
    spoken = request.accept_languages.best_match(("fi", "sv", "en"))
    return _paper(id_, {"format": "pdf"} | ({"language": spoken} if spoken else {}))


def _paper(id_: str, options: dict[str, Any]) -> Response:
    # Loaded with the first paper, see `engine`.
    from service.print.face import PrintError, check, language_of
    from service.print.stored import held

    try:
        check(options.get("language"), options["format"])
        plan = read.there(store().read("CarePlan", id_, caller().who), "CarePlan")
        auditing.use().touch(plan)
        language = options.get("language") or language_of(plan.resource())
        found = held(store(), plan, caller().who, lambda type_name: covers(caller().scopes, type_name, "r"))
        made = found.paper(now=_now(), **options | {"language": language})
    except PrintError as error:
        raise Refused([error.issue]) from None
    sheets = [name for name in ("child", "archive") if options.get(name)]
    auditing.use().touch(*found.shown)
    auditing.use().description = "; ".join(["CarePlan/$print", language, options["format"], *sheets])
    return _sent(made, options["format"], language)


def _sent(made: bytes, form: str, language: str) -> Response:
    answer = Response(made, content_type=PDF if form == "pdf" else f"{TYPES[form]}; charset=utf-8")
    # Neither a name nor an id: the file ends up on a family's own computer.
    answer.headers["Content-Disposition"] = f'inline; filename="plan-{_now():%Y-%m-%d}.{form}"'
    answer.headers["Content-Language"] = language
    if form == "html":
        answer.headers["Content-Security-Policy"] = _POLICY
    return answer


def _accepted() -> str:
    """The format that `Accept` prefers; ends the request where it wants neither."""
    accepted = request.accept_mimetypes
    if not accepted:
        return "pdf"
    best = max(TYPES, key=lambda form: accepted[TYPES[form]])
    if accepted[TYPES[best]] <= 0:
        raise NotAcceptable(", ".join(TYPES.values()))
    return best


def wants_pdf() -> bool:
    """Whether this request asks for a PDF rather than a resource."""
    asked = request.args.get("_format")
    if asked is not None:
        return asked in ("pdf", PDF)
    accepted = request.accept_mimetypes
    return bool(accepted) and accepted[PDF] > max(accepted[one] for one in FHIR_TYPES)


def _now() -> datetime:
    return cast(datetime, current_app.extensions["yhdessa-clock"]())
