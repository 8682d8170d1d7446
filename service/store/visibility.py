"""Who may see what, as a condition in every query, so that nothing invisible can be counted, chained or guessed."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, FromClause, exists, false, or_, select, true

from service.store.tables import disclosure

Scope = Literal["everything", "source", "recipient", "nothing"]


@dataclass(frozen=True, slots=True)
class Visibility:
    """What one caller sees: `source` what its organisations own, `recipient` also what was disclosed to them.

    With `any_id` it may choose any id for something new, and so learn which ones others have.
    """

    scope: Scope
    organisations: tuple[str, ...] = ()
    any_id: bool = False

    def owns(self, organisation: str) -> bool:
        """Whether the caller may change what belongs to `organisation`."""
        return self.scope == "everything" or (self.scope != "nothing" and organisation in self.organisations)

    def may_name(self, id_: str) -> bool:
        """Whether the caller may choose this id for something new: one that nobody else could have chosen."""
        if self.scope == "everything" or self.any_id:
            return True
        return any(id_.startswith(prefix(one)) for one in self.organisations)


EVERYTHING = Visibility("everything")
NOTHING = Visibility("nothing")


def source(*organisations: str, any_id: bool = False) -> Visibility:
    """Sees what these organisations (OIDs) own."""
    return Visibility("source", organisations, any_id)


def recipient(*organisations: str, any_id: bool = False) -> Visibility:
    """Sees what was disclosed to these organisations (OIDs), up to the version that was, and what they own."""
    return Visibility("recipient", organisations, any_id)


def prefix(organisation: str) -> str:
    """How the ids begin that only this organisation (OID) may choose."""
    return f"{organisation or '?'}-"


def visible(who: Visibility, resource: FromClause, version: ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """The condition on the rows of `resource` (the table or an alias of it) that `who` may see.

    `version` is the version that would be shown; the current one where nothing is given.
    """
    if who.scope == "everything":
        return true()
    if who.scope == "nothing" or not who.organisations:
        return false()
    own = (
        resource.c.organisation == who.organisations[0]
        if len(who.organisations) == 1
        else resource.c.organisation.in_(who.organisations)
    )
    if who.scope == "source":
        return own
    given = disclosure.alias()
    disclosed = exists(
        select(given.c.rid).where(
            given.c.organisation.in_(who.organisations),
            given.c.rid == resource.c.rid,
            given.c.upto >= (resource.c.version if version is None else version),
            # Of what it has a copy with less in it, a recipient reads just that: see disclosures.py.
            given.c.copy.is_(None),
        )
    )
    return or_(own, disclosed)
