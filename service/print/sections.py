"""The sections of the family's sheet, in the order they are read: the child first, then what was agreed."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeAlias

from service.print.cards import cards
from service.print.dates import day
from service.print.model import Activity, Answer, Member, Need, Party, Plan, Progress, View, Way
from service.print.saying import OWN, at, everybody, full, reach, rows, short, when, whom
from service.print.sharing import recipients
from service.print.sheet import Block, Heading, Item, Items, Paragraph, Quote, Row, Rows, Section, Table
from service.print.words import Words

Now: TypeAlias = datetime | None
Builder: TypeAlias = Callable[[Plan, Words, Now], Section | None]

ENVIRONMENTS = ("home", "everyday-environment", "elsewhere", "")
ENDED = frozenset({"completed", "cancelled", "stopped"})
ACTIVITY_STATUS = "https://yhdessa.example/fhir/CodeSystem/activity-status"
_PLAIN_GOAL = frozenset({"", "active", "accepted", "planned"})


def sections(plan: Plan, words: Words, now: Now) -> tuple[Section, ...]:
    """Every section that has something to say."""
    return tuple([one for build in _ORDER if (one := build(plan, words, now)) is not None])


def _section(key: str, title: str, blocks: Iterable[Block]) -> Section | None:
    found = tuple(blocks)
    return Section(key, title, found) if found else None


def child(plan: Plan, words: Words, _now: Now) -> Section | None:
    """What the children said."""
    title = words["In the child's own words"] if len(plan.views) < 2 else words["In the children's own words"]
    return _section("child", title, [Quote(view.text, _whose(view, words)) for view in plan.views])


def _whose(view: View, words: Words) -> str:
    heard = words("heard by %(name)s", name=short(view.heard_by, words)) if view.heard_by else ""
    date = day(view.heard, words.language) if view.heard else ""
    return " · ".join(filter(None, [view.child.short if view.child else "", view.how, f"{heard} {date}".strip()]))


def _cards(plan: Plan, words: Words, now: Now) -> Section | None:
    return _section("cards", "", cards(plan, words, now))


def situation(plan: Plan, words: Words, _now: Now) -> Section | None:
    """The joint picture."""
    if not plan.situation:
        return None
    found = [Paragraph(one.strip(), own=True) for one in plan.situation.split("\n") if one.strip()]
    return _section("situation", words["How we see the situation together"], found)


def strengths(plan: Plan, words: Words, _now: Now) -> Section | None:
    """What is good already."""
    if not plan.strengths:
        return None
    return Section("strengths", words["Strengths"], (Items(tuple(Item(one) for one in plan.strengths)),))


def needs(plan: Plan, words: Words, _now: Now) -> Section | None:
    """What is to change."""
    if not plan.needs:
        return None
    every = tuple([Item(need.text, _need_rows(need, plan, words), strong=True) for need in plan.needs])
    return Section("needs", words["What we agreed needs to change"], (Items(every, "number"),))


def _need_rows(need: Need, plan: Plan, words: Words) -> tuple[Row, ...]:
    status = "" if need.status in _PLAIN_GOAL else _goal_status(need.status, words)
    return rows(
        words,
        ("Raised by", short(need.by, words) if need.by else ""),
        ("Concerns", whom(need.children, plan, words)),
        ("When", when(need.start, need.target, words)),
        ("Progress", _achievement(need.achievement, words)),
        ("Status", status),
        ("More", need.note, OWN),
    )


def _goal_status(code: str, words: Words) -> str:
    return {
        "proposed": words["proposed"],
        "on-hold": words["on hold"],
        "completed": words["completed"],
        "cancelled": words["cancelled"],
    }.get(code, code)


def _achievement(code: str, words: Words) -> str:
    return code and {
        "in-progress": words["on the way"],
        "improving": words["getting better"],
        "worsening": words["getting worse"],
        "no-change": words["no change"],
        "achieved": words["achieved"],
        "sustaining": words["lasting"],
        "not-achieved": words["not achieved"],
        "no-progress": words["no progress yet"],
        "not-attainable": words["cannot be reached"],
    }.get(code, code)


def doing(plan: Plan, words: Words, _now: Now) -> Section | None:
    """Measures by where they are done; what is over comes last, so that nobody goes on with it."""
    going_on: dict[str, list[Item]] = {environment: [] for environment in ENVIRONMENTS}
    over: list[Item] = []
    for one in plan.activities:
        if one.kind == "measure":
            chosen = over if one.status in ENDED else going_on[_place(one)]
            chosen.append(_measure(one, plan, words))
    blocks: list[Block] = []
    for environment, items in going_on.items():
        if items:
            blocks += [Heading(_environment(environment, words)), Items(tuple(items), "tick")]
    if over:
        blocks += [Heading(words["Done, or no longer done"]), Items(tuple(over))]
    return _section("doing", words["What we do"], blocks)


def _place(activity: Activity) -> str:
    return activity.environment if activity.environment in ENVIRONMENTS else ""


def _environment(code: str, words: Words) -> str:
    match code:
        case "home":
            return words["At home"]
        case "everyday-environment":
            return words["In early education or school"]
        case "elsewhere":
            return words["Elsewhere"]
        case _:
            return words["Other things we agreed"]


def _measure(one: Activity, plan: Plan, words: Words) -> Item:
    who = words.both([*[short(party, words) for party in one.who], one.who_text])
    said = rows(
        words,
        ("Not to be done", words["We agreed not to do this."] if one.forbidden else ""),
        ("Who", who or words["not agreed yet"]),
        ("Where", _where(one, words), bool(one.where)),
    )
    return Item(one.text, (*said, *_common(one, plan, words)), strong=True)


def _where(one: Activity, words: Words) -> str:
    """What the source says; where it says nothing of what is over, the environment, which no heading tells."""
    if one.where or one.status not in ENDED or not _place(one):
        return one.where
    return _environment(one.environment, words)


def _common(one: Activity, plan: Plan, words: Words) -> tuple[Row, ...]:
    found = rows(
        words,
        ("When", when(one.start, one.end, words) or one.when_text),
        ("Concerns", whom(one.children, plan, words)),
        ("More", one.task if one.kind == "measure" else "", OWN),
        ("Helps with", _numbers(one, plan, words) if one.needs else ""),
        ("Status", _status(one, words)),
    )
    return (*found, *[_progress(progress, words) for progress in one.progress if progress.text])


def _progress(progress: Progress, words: Words) -> Row:
    by = short(progress.by, words) if progress.by else ""
    said = ", ".join(filter(None, [by, day(progress.time, words.language) if progress.time else ""]))
    label = words["How it has gone"]
    return Row(f"{label} ({said})" if said else label, progress.text, own=True)


def _status(one: Activity, words: Words) -> str:
    shown = words.small({"system": ACTIVITY_STATUS, "code": one.status}) if one.status else ""
    return f"{shown}: {one.status_reason}" if shown and one.status_reason else shown or one.status_reason


def _numbers(one: Activity, plan: Plan, words: Words) -> str:
    numbers = [str(index) for index, need in enumerate(plan.needs, 1) if need.reference in one.needs]
    if len(numbers) > 1:
        return words("points %(number)s", number=words.both(numbers))
    return words("point %(number)s", number=numbers[0]) if numbers else ""


def services(plan: Plan, words: Words, _now: Now) -> Section | None:
    """Services, and who does what in them."""
    chosen = [one for one in plan.activities if one.kind == "service"]
    if not chosen:
        return None
    every = tuple([Item(one.text, _service_rows(one, plan, words), strong=True) for one in chosen])
    return Section("services", words["Services and who does what"], (Items(every),))


def _service_rows(one: Activity, plan: Plan, words: Words) -> tuple[Row, ...]:
    arranged = [party for party in one.who if party.kind == "organisation"]
    people = [party for party in one.who if party.kind != "organisation"]
    return (
        *rows(
            words,
            ("Arranged by", everybody(arranged, words)),
            ("Who", everybody(people, words)),
            ("Division of work", one.task, OWN),
        ),
        *_common(one, plan, words),
        *rows(words, ("Follow-up", one.follow_up, OWN)),
    )


def touch(plan: Plan, words: Words, _now: Now) -> Section | None:
    """How the worker contacts the family, how the family reaches the worker."""
    blocks: list[Block] = []
    for title, way in (
        (words["How we contact you"], plan.worker_way),
        (words["How you reach us"], plan.family_way),
    ):
        if way is not None and (found := _way(way, words)):
            blocks += [Heading(title), Rows(found)]
    if plan.follow_up:
        blocks.append(Heading(words["How we follow up the plan"]))
        blocks += [Paragraph(one, own=True) for one in plan.follow_up]
    return _section("touch", words["How we keep in touch"], blocks)


def _way(way: Way, words: Words) -> tuple[Row, ...]:
    # "Other" says nothing where the way is written out.
    vague = bool(way.text) and (way.method or {}).get("code") == "other"
    # The worker who acts, or the one of the family who is contacted.
    contacted = way.who is not None and way.who.kind in ("child", "family")
    return (
        *rows(words, ("How", "" if vague else words.label(way.method))),
        *[reach(one, words) for one in way.telecom],
        *rows(
            words,
            ("To whom" if contacted else "Who", short(way.who, words) if way.who else ""),
            ("Agreed", way.text, OWN),
        ),
    )


def assessment(plan: Plan, words: Words, _now: Now) -> Section | None:
    """The star, the joint assessment."""
    if not plan.assessments:
        return None
    blocks: list[Block] = []
    for form in plan.assessments:
        said = [form.about.short if form.about else "", day(form.authored, words.language) if form.authored else ""]
        by = words("answered by %(name)s", name=short(form.by, words)) if form.by else ""
        if any([*said, by]):
            blocks.append(Paragraph(", ".join(filter(None, [*said, by]))))
        found = tuple(Item(_answered(one, words)) for one in form.answers)
        blocks += [Items(found)] if found else []
    return _section("assessment", words["What we assessed together"], blocks)


def _answered(one: Answer, words: Words) -> str:
    said = "; ".join(filter(None, (_value(value, words) for value in one.values)))
    return ": ".join(filter(None, [one.text, said]))


def _value(value: object, words: Words) -> str:
    if isinstance(value, bool):
        return words["Yes"] if value else words["No"]
    if isinstance(value, dict):
        shown = value.get("display") or value.get("code") or value.get("value") or value.get("url") or ""
        return f"{shown} {value.get('unit', '')}".strip()
    text = str(value)
    if not isinstance(value, str) and words.language != "en":
        return text.replace(".", ",")
    return day(text, words.language) if len(text) == 10 and text[4:8:3] == "--" else text


def team(plan: Plan, words: Words, _now: Now) -> Section | None:
    """The meeting where the plan was made, and those who go on together."""
    blocks: list[Block] = []
    if plan.meeting is not None and plan.meeting.start:
        met = rows(
            words,
            ("We met", at(plan.meeting.start, words)),
            ("Place", "" if plan.protected else plan.meeting.place),
            ("Present", _names(plan.meeting.who, plan, words)),
        )
        blocks.append(Rows(met))
    if plan.near is not None and not plan.team:
        blocks.append(Rows((Row(words["Near worker"], full(plan.near, words)),)))
    if plan.contributors:
        blocks.append(Rows((Row(words["The plan was made by"], _names(plan.contributors, plan, words)),)))
    grown = [one for one in plan.team if one.party.kind != "child"]
    if grown:
        head = (words["Name"], words["Role"], words["Works at"])
        blocks.append(Heading(plan.team_name or words["The team"]))
        blocks.append(Table(head, tuple([_member_row(one, words) for one in grown])))
    return _section("team", words["The meeting and the team"], blocks)


def _names(parties: Iterable[Party], plan: Plan, words: Words) -> str:
    """Whole names; roles as well where no table of the team tells them."""
    if plan.team:
        return words.both([one.name for one in parties])
    return words.both([full(one, words, employer=False) for one in parties])


def _member_row(member: Member, words: Words) -> tuple[str, ...]:
    roles = dict.fromkeys([member.party.role, *[words.small(one) for one in member.roles]])
    said = ", ".join(filter(None, roles))
    employer = member.party.organisation
    works_at = short(employer, words) if employer else ""
    return member.party.name, ": ".join(filter(None, [said, member.task])), works_at


def notes(plan: Plan, words: Words, _now: Now) -> Section | None:
    """Notes that everybody may see."""
    if not plan.notes:
        return None
    every = []
    for note in plan.notes:
        by = short(note.by, words) if note.by else ""
        said = ", ".join(filter(None, [by, at(note.time, words) if note.time else ""]))
        every.append(Item(note.text, rows(words, ("Written by", said))))
    return Section("notes", words["Notes"], (Items(tuple(every)),))


_ORDER: tuple[Builder, ...] = (
    child, _cards, situation, strengths, needs, doing, services, touch, recipients, assessment, team, notes,
)  # fmt: skip
