"""From FHIR to a `Plan`: ours in both activity styles, and what can be read of another system's CarePlan.

https://hl7.org/fhir/R4/careplan.html
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from service.print.activities import activities, joined_notes, progress
from service.print.dates import moment
from service.print.model import Answer, Assessment, Contact, Member, Need, Paper, Party, Plan, Progress, Way
from service.print.people import People, telecom
from service.print.permissions import recipients
from service.print.protection import protected
from service.print.resources import (
    NOTHING,
    Parts,
    Resource,
    Resources,
    coding_in,
    coding_of,
    concept_text,
    first_coding,
    first_text,
    objects,
    ours,
    ours_in_parts,
    part,
    string,
    strings,
    text_of,
    texts,
    value_of,
    values,
)
from service.print.views import views
from service.print.words import Words

# Notes of these kinds are somebody's own: they do not travel on a paper that others may see.
PRIVATE_NOTES = frozenset({"parents-own", "family-counselling"})


def gather(plan: Resource, resources: Resources, words: Words, now: datetime | None = None) -> Plan:
    """Everything that a CarePlan and the resources beside it say to the family; who they are, in `words`.

    Members whose time in the team ended before `now` are left out. Nothing is withheld yet, see `protection`.
    """
    language = string(plan, "language")[:2]
    people, said, in_parts = People(resources, words, language), ours(plan), ours_in_parts(plan)
    beside = [resources.find(ref, plan) for ref in objects(plan, "supportingInfo")]
    teams = [resources.find(ref, plan) for ref in objects(plan, "careTeam")] if "careTeam" in plan else []
    members = _members(teams, people, now) if teams else ()
    tags, period = [{"coding": objects(part(plan, "meta"), "tag")}], part(plan, "period")
    contributors = people.parties(objects(plan, "contributor"), plan)
    return Plan(
        language=language,
        status=string(plan, "status"),
        title=string(plan, "title"),
        model=coding_in(tags, "working-model"),
        children=people.parties([part(plan, "subject"), *said.get("also-concerns", ())], plan),
        made=string(plan, "created"),
        start=string(period, "start"),
        end=string(period, "end"),
        situation=string(plan, "description"),
        views=tuple(views(in_parts.get("childs-view", ()), plan, people)),
        strengths=texts(said, "strength"),
        needs=tuple(_needs(plan, resources, people)),
        activities=tuple(activities(plan, resources, people)),
        worker_way=_way(in_parts.get("worker-contacts-family", ()), people, plan),
        family_way=_way(in_parts.get("family-reaches-worker", ()), people, plan),
        follow_up=texts(said, "follow-up"),
        contacts=tuple(_contacts(plan, resources, people)),
        meeting=_meeting(beside, resources, people),
        team=members,
        team_name=next(filter(None, [string(team, "name") for team in teams]), "") if teams else "",
        contributors=contributors,
        near=contributors[0] if contributors and "responsible-worker" in said else None,
        responsible=_responsible(plan, said.get("responsible-worker", ()), members, people),
        recipients=tuple(recipients(plan, in_parts.get("statutory-disclosure", ()), resources, people)),
        papers=tuple(_papers(in_parts.get("printed-copy", ()), plan, people)),
        assessments=tuple(_assessments(beside, people)),
        notes=tuple(_notes(plan, people)) if "note" in plan else (),
        keeper=_keeper(plan, resources),
        is_copy=coding_in(tags, "copy") is not None,
        protected=protected(plan, resources),
    )


def _needs(plan: Resource, resources: Resources, people: People) -> Iterator[Need]:
    for ref in objects(plan, "goal"):
        goal = resources.find(ref, plan)
        status = string(goal, "lifecycleStatus")
        text = concept_text(goal.get("description")) or string(ref, "display")
        if not text or status in ("entered-in-error", "rejected"):
            continue
        target: Resource = next(iter(objects(goal, "target")), NOTHING)
        achievement = objects(part(goal, "achievementStatus"), "coding")
        yield Need(
            reference=string(ref, "reference"),
            text=text,
            status=status,
            achievement=string(achievement[0], "code") if achievement else "",
            by=people.party(goal.get("expressedBy"), goal),
            start=string(goal, "startDate"),
            target=string(target, "dueDate"),
            note=joined_notes(goal),
            children=people.parties([part(goal, "subject"), *values(goal, "also-concerns")], goal),
        )


def _members(teams: Iterable[Resource], people: People, now: datetime | None) -> tuple[Member, ...]:
    """Everybody once, with all the roles that the teams give them."""
    found: dict[tuple[str, str], Member] = {}
    for participant in [one for team in teams for one in objects(team, "participant")]:
        party = people.party(participant.get("member"))
        if party is None or _over(string(part(participant, "period"), "end"), now):
            continue
        key = (party.kind, party.name)
        before = found.get(key, Member(party))
        codings = (_role(one) for one in objects(participant, "role"))
        roles = dict.fromkeys((string(one, "code"), string(one, "display")) for one in before.roles)
        fresh = [one for one in codings if one and (string(one, "code"), string(one, "display")) not in roles]
        found[key] = Member(party, (*before.roles, *fresh), text_of(participant, "member-task") or before.task)
    return tuple(found.values())


def _role(concept: Resource) -> dict[str, Any] | None:
    ours = coding_in([concept], "participant-role")
    said = concept_text(concept)
    return ours or ({"display": said} if said else None)


def _over(end: str, now: datetime | None) -> bool:
    last = moment(end)
    if last is None or now is None:
        return False
    last_day: date = last.date() if isinstance(last, datetime) else last
    return last_day < now.date()


def _responsible(plan: Resource, said: Iterable[Any], members: Iterable[Member], people: People) -> tuple[Party, ...]:
    """The roles in the team are authoritative; then what the plan says; then whoever wrote it."""
    leading = "responsible-worker"
    in_team = [one.party for one in members if leading in [string(role, "code") for role in one.roles]]
    if found := tuple(in_team) or people.parties(said, plan):
        return found
    author = people.parties([part(plan, "author")], plan)
    return tuple(one for one in author if one.kind in ("worker", "other"))


def _way(found: Sequence[Parts], people: People, plan: Resource) -> Way | None:
    if not found:
        return None
    way = found[0]
    points = [telecom(one) for one in way.get("telecom", ())]
    return Way(
        method=first_coding(way, "method"),
        who=next(iter(people.parties(way.get("who", ()), plan)), None),
        telecom=tuple([one for one in points if one.value]),
        text=first_text(way, "text"),
    )


def _contacts(plan: Resource, resources: Resources, people: People) -> Iterator[Contact]:
    for one in objects(plan, "activity"):
        beside = resources.find(one["reference"], plan) if "reference" in one else NOTHING
        if beside.get("resourceType") == "Appointment" and string(beside, "status") != "entered-in-error":
            yield _contact(beside, resources, people)


def _meeting(beside: Iterable[Resource], resources: Resources, people: People) -> Contact | None:
    for one in beside:
        if one.get("resourceType") == "Appointment":
            return _contact(one, resources, people)
    return None


def _contact(appointment: Resource, resources: Resources, people: People) -> Contact:
    remote = next(iter(ours_in_parts(appointment).get("remote-connection", ())), NOTHING)
    present = [one for one in objects(appointment, "participant") if _there(one)]
    who = people.parties([one.get("actor") for one in present if one.get("id") != "subject"], appointment)
    return Contact(
        status=string(appointment, "status"),
        start=string(appointment, "start"),
        end=string(appointment, "end"),
        method=coding_of(appointment, "contact-method"),
        place=_place(present, appointment, resources),
        link=first_text(remote, "url"),
        phone=first_text(remote, "phone"),
        joining=first_text(remote, "text"),
        text=string(appointment, "comment") or string(appointment, "description"),
        who=tuple([one for one in who if one.kind != "place"]),
    )


def _there(participant: Resource) -> bool:
    attended = values(participant, "attended")
    return attended[0] is True if attended else string(participant, "status") != "declined"


def _place(present: Iterable[Resource], appointment: Resource, resources: Resources) -> str:
    for one in present:
        location = resources.find(one.get("actor"), appointment)
        if location.get("resourceType") == "Location":
            address = part(location, "address")
            lines = strings(address, "line")
            town = f"{string(address, 'postalCode')} {string(address, 'city')}".strip()
            return ", ".join(filter(None, [string(location, "name"), string(location, "description"), *lines, town]))
    return ""


def _papers(every: Iterable[Parts], plan: Resource, people: People) -> Iterator[Paper]:
    for found in every:
        for party in people.parties(found.get("to", ()), plan):
            yield Paper(party, first_text(found, "printed"))


def _assessments(beside: Iterable[Resource], people: People) -> Iterator[Assessment]:
    for form in beside:
        if form.get("resourceType") == "QuestionnaireResponse" and string(form, "status") != "entered-in-error":
            yield Assessment(
                tuple(_answers(objects(form, "item"), 0)),
                people.party(form.get("subject"), form),
                people.party(form.get("source"), form),
                string(form, "authored"),
            )


def _answers(items: Iterable[Resource], level: int) -> Iterator[Answer]:
    for item in items:
        answers = objects(item, "answer")
        found = tuple(value for one in answers if (value := value_of(one)) is not None)
        text = string(item, "text")
        if text or found:
            yield Answer(text, found, level)
        for nested in (objects(item, "item"), *(objects(one, "item") for one in answers)):
            yield from _answers(nested, level + 1)


def _notes(plan: Resource, people: People) -> Iterator[Progress]:
    for note in objects(plan, "note"):
        if string(coding_of(note, "note-kind"), "code") not in PRIVATE_NOTES:
            yield progress(note, people)


def _keeper(plan: Resource, resources: Resources) -> str:
    """The name of the controller of the register that the plan is in."""
    for provenance in resources.of("Provenance"):
        for ref in objects(provenance, "target"):
            if resources.find(ref, provenance) is plan:
                for agent in objects(provenance, "agent"):
                    if "CST" in [one.get("code") for one in objects(part(agent, "type"), "coding")]:
                        return string(part(agent, "who"), "display")
    return ""
