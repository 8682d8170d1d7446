"""Who calls: known from a token, or somebody on this machine where no client was ever registered."""

from dataclasses import dataclass

from service.api.call import call
from service.api.engine import engine
from service.api.errors import refused
from service.api.scopes import Scope, covers
from service.store import EVERYTHING, NOTHING, Author, Visibility, recipient, source
from service.store.clients import Role

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that calls, for an organisation (OID), in one of the four roles."""

    client: str
    organisation: str
    role: Role
    scopes: tuple[Scope, ...]
    is_local: bool = False

    @property
    def who(self) -> Visibility:
        """What it sees."""
        if self.role == "admin":
            return EVERYTHING
        any_id = engine().settings.client_ids == "any"
        if self.role == "source":
            return source(self.organisation, any_id=any_id)
        return recipient(self.organisation, any_id=any_id) if self.role == "recipient" else NOTHING

    @property
    def author(self) -> Author:
        return Author(self.client, self.organisation)


NOBODY = Caller("", "", "archive", ())
# Who calls on this machine without a token.
LOCAL_CALLER = Caller(LOCAL, "", "admin", (Scope("*", "cruds"),), is_local=True)


def caller() -> Caller:
    """Who makes this request; nobody, as long as it is not known."""
    return call().caller


def may(letter: str, type_name: str) -> None:
    """End the request where its scopes do not allow `letter` (one of `cruds`) on the type; `*` is every type."""
    one = caller()
    if one.role == "archive" or not covers(one.scopes, type_name, letter):
        raise refused("auth.scope", needed=f"system/{type_name}.{letter}")
