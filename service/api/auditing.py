"""The use log of the HTTP face: exactly one entry for each call that could touch somebody's data, refused or not.

A write is logged in its own transaction, anything else before its answer leaves. 703/2023 10 §
"""

import uuid
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from service.api.answers import Answer, fhir, language
from service.api.call import call
from service.api.caller import caller
from service.api.context import recorder, store
from service.api.use import Use
from service.issues import issue, masked, outcome
from service.store import Stored, StoreError
from service.store.audit import Detail, Event, record
from service.store.writing import Writing

T = TypeVar("T")

USER, USER_NAME, PURPOSE = "X-Yhdessa-User", "X-Yhdessa-User-Name", "X-Yhdessa-Purpose"
_log = structlog.get_logger("yhdessa.audit")


def use() -> Use:
    """The use that this request makes of the record."""
    return call().use


def begin(interaction: str, action: str, description: str = "") -> Use:
    """Say what this request does; call it before anything can go wrong."""
    one = use()
    one.interaction, one.action, one.description = interaction, action, description
    return one


def event(status: int = 200) -> Event:
    """The entry for this request as it stands."""
    made = call()
    one, by, header = made.use, made.caller, made.header
    detail = Detail(
        interaction=one.interaction,
        entities=tuple(one.entities),
        patients=tuple(one.patients),
        user=_said(header(USER, "")),
        user_name=_said(header(USER_NAME, "")),
        address=made.request.remote_addr or "",
        request=made.id,
        description=one.description,
        provider=" ".join(sorted(one.providers)) or (by.organisation if by.role == "source" else ""),
        purpose=_said(header(PURPOSE, "")),
        keys=one.keys or made.issue_keys,
    )
    outcome_code = "0" if status < 400 else "4" if status < 500 else "8"
    return Event(by.client, by.organisation, one.action, outcome_code, detail)


def write(work: Callable[[Writing], T], touched: Callable[[T], Iterable[Stored | None]]) -> T:
    """The result of `work` in one transaction with its entry; `touched` says what of the result was written."""
    by = caller()

    def recorded(tx: Writing) -> T:
        done = work(tx)
        # Afresh each time: the transaction may have to start again.
        before = use()
        call().use = now = Use(before.interaction, before.action, before.description)
        now.touch(*(one for one in touched(done) if one is not None))
        record(tx.connection, [event()], tx.moment)
        return done

    done = store().write(by.author, by.who, recorded)
    use().is_recorded = True
    return done


def finish(response: Answer) -> Answer:
    """Log the call, unless its own transaction has; what cannot be logged is not answered."""
    one = use()
    if one.is_recorded:
        return response
    one.is_recorded = True
    try:
        recorder().record(event(response.status_code))
    except (StoreError, SQLAlchemyError) as error:
        reference = uuid.uuid4().hex[:12]
        _log.error("the call could not be logged", reference=reference, exception=type(error).__name__)
        return fhir(outcome([issue("http.internal", reference=reference)], language()), 500)
    return response


def _said(text: str) -> str:
    """What a client says in a header, as UTF-8, at most 200 characters."""
    return masked(text.encode("latin-1", "replace").decode("utf-8", "replace").strip()[:200]) if text else ""
