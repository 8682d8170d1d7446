"""Profiles compiled: only what a profile adds to its base type is checked here, the type's own walk has done the rest.

https://hl7.org/fhir/R4/profiling.html
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from service.fhir.trim import IMPOSE_PROFILE
from service.validation.compiler import Compiler
from service.validation.run import At, ItemCheck, Json, Run
from service.validation.tree import Branch, plant

if TYPE_CHECKING:
    from service.validation.rules import Rules


class Profiles:
    """Every profile that has been asked for, by its canonical url (with or without a version)."""

    def __init__(self, rules: "Rules") -> None:
        self._rules = rules
        self._checks: dict[str, ItemCheck | None] = {}
        self._trees: dict[str, Branch | None] = {}

    def tree(self, url: str) -> Branch | None:
        if url not in self._trees:
            structure = self._rules.definitions.structure(url)
            self._trees[url] = plant(structure) if structure else None
        return self._trees[url]

    def resource(self, url: str) -> ItemCheck | None:
        """The check of a resource or datatype against the profile `url`; None where the profile is not known."""
        if url not in self._checks:
            structure = self._rules.definitions.structure(url)
            self._checks[url] = _lazy(lambda: self._compile(url)) if structure else None
        return self._checks[url]

    def conforms(self, value: Json, url: str, run: Run) -> bool:
        """Whether a resource of this document meets the profile; one that is not known is met."""
        check = self.resource(url)
        if check is None:
            return True
        name = value.get("resourceType")
        before = run.resource, run.root
        if isinstance(name, str) and value is not run.root:
            run.resource = value
        try:
            return not run.trial(check, value, None, None)
        finally:
            run.resource, run.root = before

    def any_of(self, urls: Sequence[str]) -> ItemCheck:
        """The check that a value meets one of these profiles; those that are not known say nothing."""
        if len(urls) == 1:
            url = urls[0]

            def only(value: Any, sibling: Any, at: At, run: Run) -> None:
                check = self.resource(url)
                if check is not None:
                    check(value, sibling, at, run)

            return only

        def check(value: Any, sibling: Any, at: At, run: Run) -> None:
            known = [one for one in map(self.resource, urls) if one is not None]
            if len(known) < len(urls):
                return
            failures = [run.trial(one, value, sibling, at) for one in known]
            if all(failures):
                closest = min(failures, key=len)
                run.add("validation.no-profile-met", at, profiles=", ".join(urls), closest=len(closest))

        return check

    def _compile(self, url: str) -> ItemCheck:
        structure = self._rules.definitions.structure(url)
        tree = self.tree(url)
        if structure is None or tree is None:
            return _pass
        type_name = structure["type"]
        name = structure["url"]
        inner = None
        if structure.get("derivation") == "constraint":
            inner = Compiler(self._rules).item(tree, self._rules.types.element(type_name) or {}, type_name)
        imposed = self._imposed(structure)
        mark = "imposed by " + name
        is_resource = self._rules.definitions.types().get(type_name) == "resource"
        abstract = type_name in ("Resource", "DomainResource")

        def check(value: Any, sibling: Any, at: At, run: Run) -> None:
            before = run.profile, run.slice
            run.profile, run.slice = name, None
            given = value.get("resourceType") if type(value) is dict else None
            if is_resource and not abstract and given != type_name:
                run.add("validation.profile-type", at, type=given, wanted=type_name, url=name)
            else:
                if inner is not None:
                    inner(value, sibling, at, run)
                if imposed and (id(value), mark) not in run.active:  # two may impose each other
                    run.active.add((id(value), mark))
                    for other in imposed:
                        other(value, sibling, at, run)
                    run.active.discard((id(value), mark))
            run.profile, run.slice = before

        return check

    def _imposed(self, structure: Json) -> tuple[ItemCheck, ...]:
        """The profiles that this one imposes though it does not derive from them, so far as they are known."""
        rows = [one for one in structure.get("extension", ()) if one.get("url") == IMPOSE_PROFILE]
        found = (self.resource(one.get("valueCanonical", "")) for one in rows)
        return tuple(one for one in found if one is not None)


def _lazy(make: Callable[[], ItemCheck]) -> ItemCheck:
    made: list[ItemCheck] = []

    def check(value: Any, sibling: Any, at: At, run: Run) -> None:
        if not made:
            made.append(make())
        made[0](value, sibling, at, run)

    return check


def _pass(value: Any, sibling: Any, at: At, run: Run) -> None:
    return None
