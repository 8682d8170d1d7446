"""A shared plan as a person reads it: who, what, when and why, free of FHIR.

Codes stay Codings and dates stay FHIR strings, which the sheet puts into words; but whoever is told of has a role in
words already, since many sections tell it. Nothing here refers in a circle, so none is looked through for garbage.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

Coding = Mapping[str, Any] | None


class Telecom(Struct, frozen=True, gc=False):
    """One way to reach somebody; `system` is FHIR's (`phone`, `sms`, `email`, …)."""

    system: str
    value: str
    hours: str = ""


class Party(Struct, frozen=True, gc=False):
    """A person or an organisation. `kind`: child, family, worker, organisation, place or other.

    `short` is the name used inside the family; `role` a profession, family relation or sector in the words of one
    language, `code` its code. `organisation` is a worker's employer.
    """

    kind: str
    name: str
    short: str = ""
    role: str = ""
    code: str = ""
    organisation: "Party | None" = None
    telecom: tuple[Telecom, ...] = ()


class View(Struct, frozen=True, gc=False):
    """What a child said, how it was asked, who heard it and when."""

    child: Party | None
    text: str
    how: str = ""
    heard_by: Party | None = None
    heard: str = ""


class Need(Struct, frozen=True, gc=False):
    """What needs to change. `status` and `achievement` are FHIR codes."""

    reference: str
    text: str
    status: str = ""
    achievement: str = ""
    by: Party | None = None
    start: str = ""
    target: str = ""
    note: str = ""
    children: tuple[Party, ...] = ()


class Progress(Struct, frozen=True, gc=False):
    """How it has gone."""

    text: str
    time: str = ""
    by: Party | None = None


class Activity(Struct, frozen=True, gc=False):
    """A measure or a service.

    `environment` is home, everyday-environment, elsewhere or empty; `text` of a service is its name and `task` the
    division of work; `needs` are references of `Need`s; `status` is a code of activity-status.
    """

    kind: str
    text: str
    environment: str = ""
    where: str = ""
    who: tuple[Party, ...] = ()
    who_text: str = ""
    start: str = ""
    end: str = ""
    when_text: str = ""
    needs: tuple[str, ...] = ()
    status: str = ""
    status_reason: str = ""
    task: str = ""
    follow_up: str = ""
    children: tuple[Party, ...] = ()
    progress: tuple[Progress, ...] = ()
    forbidden: bool = False


class Way(Struct, frozen=True, gc=False):
    """One direction of keeping in touch."""

    method: Coding = None
    who: Party | None = None
    telecom: tuple[Telecom, ...] = ()
    text: str = ""


class Contact(Struct, frozen=True, gc=False):
    """An appointment: the next contact, or the meeting where the plan was made. `status` is FHIR's."""

    status: str
    start: str = ""
    end: str = ""
    method: Coding = None
    place: str = ""
    link: str = ""
    phone: str = ""
    joining: str = ""
    text: str = ""
    who: tuple[Party, ...] = ()


class Member(Struct, frozen=True, gc=False):
    """One person in the team."""

    party: Party
    roles: tuple[Coding, ...] = ()
    task: str = ""


class Recipient(Struct, frozen=True, gc=False):
    """Somebody who gets parts of the plan, or tells about the family.

    `direction` is `to` or `from`; `basis` a Coding of permission-kind, None for a statutory right; `status` is
    `active`, `refused`, `revoked` or `other`.
    """

    party: Party
    direction: str
    basis: Coding = None
    status: str = "active"
    parts: tuple[Coding, ...] = ()
    children: tuple[Party, ...] = ()
    given: str = ""
    given_by: tuple[Party, ...] = ()
    method: Coding = None
    start: str = ""
    end: str = ""
    revoked: str = ""
    purpose: str = ""
    provision: str = ""
    text: str = ""


class Answer(Struct, frozen=True, gc=False):
    """One question and its answers; `level` counts from 0, values are FHIR values."""

    text: str
    values: tuple[Any, ...]
    level: int = 0


class Assessment(Struct, frozen=True, gc=False):
    """One filled form."""

    answers: tuple[Answer, ...]
    about: Party | None = None
    by: Party | None = None
    authored: str = ""


class Paper(Struct, frozen=True, gc=False):
    """A printed copy that somebody has."""

    to: Party
    printed: str = ""


class Plan(Struct, frozen=True, gc=False):
    """The whole plan. `protected`: somebody in the family has a non-disclosure order (turvakielto).

    `is_copy`: it is what a recipient was given, who knows nothing of the others.
    """

    language: str
    status: str
    title: str
    model: Coding
    children: tuple[Party, ...]
    made: str
    start: str
    end: str
    situation: str
    views: tuple[View, ...]
    strengths: tuple[str, ...]
    needs: tuple[Need, ...]
    activities: tuple[Activity, ...]
    worker_way: Way | None
    family_way: Way | None
    follow_up: tuple[str, ...]
    contacts: tuple[Contact, ...]
    meeting: Contact | None
    team: tuple[Member, ...]
    team_name: str
    contributors: tuple[Party, ...]
    near: Party | None
    responsible: tuple[Party, ...]
    recipients: tuple[Recipient, ...]
    papers: tuple[Paper, ...]
    assessments: tuple[Assessment, ...]
    notes: tuple[Progress, ...]
    keeper: str
    is_copy: bool = False
    protected: bool = False
