"""The children's own views: what each said, how it was asked, who heard it."""

from collections.abc import Iterable, Iterator

from service.print.model import View
from service.print.people import People
from service.print.resources import Parts, Resource, first_text


def views(every: Iterable[Parts], plan: Resource, people: People) -> Iterator[View]:
    """Every view with words in it, in the order of the plan."""
    for found in every:
        if text := first_text(found, "text"):
            yield View(
                next(iter(people.parties(found.get("child", ()), plan)), None),
                text,
                first_text(found, "how"),
                next(iter(people.parties(found.get("heardBy", ()), plan)), None),
                first_text(found, "heard"),
            )
