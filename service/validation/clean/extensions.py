"""Extensions: a plan for each url at each place, made of the definition and of all slices with that url.

https://hl7.org/fhir/R4/extensibility.html
"""

from typing import TYPE_CHECKING, Any

from service.fhir.values import PRIMITIVES
from service.validation import patterns
from service.validation.clean.asks import Spec
from service.validation.clean.passes import Plan
from service.validation.clean.plans import Around, Asked, Plans
from service.validation.clean.slices import Slicing, plain_slicing
from service.validation.places import Place
from service.validation.references import is_absolute
from service.validation.run import Run

if TYPE_CHECKING:
    from service.validation.extensions import Definition

_MOST_URLS, _MOST_TOGETHER = 500, 50  # remembered, and of one list


class Extended:
    """The check of all items of an `extension` or `modifierExtension` at one place."""

    def __init__(
        self,
        plans: Plans,
        key: str,
        place: Place,
        specs: tuple[Spec, ...],
        around: Around | None,
    ) -> None:
        self._plans = plans
        self._is_modifier = key == "modifierExtension"
        self._holder = place[:-1]
        self._specs = specs
        self._around = around
        self._by_url: dict[str, Plan] = {}
        self._base = plans.rules.types.element("Extension") or {}
        found = [(plain_slicing(plans.compiler, one.branch, one.base, {key: "Extension"}), one) for one in specs]
        self._slicings: list[tuple[Slicing, Spec]] = [
            (slicing, spec) for slicing, spec in found if slicing is not None and slicing.slices
        ]
        self._together: set[tuple[str, ...]] = set()  # urls that have been found to be as many as there may be

    def check(self, value: list[Any], run: Run) -> bool:
        """Whether all of them are surely right."""
        plans, urls = self._by_url, []
        for item in value:
            if type(item) is not dict or "url" not in item or type(url := item["url"]) is not str:
                return False
            plan = plans[url] if url in plans else self._plan(url)
            if not plan[tuple(item)](item, run):
                return False
            urls.append(url)
        return not self._slicings or (together := (*urls,)) in self._together or self._may_stand_together(together)

    def _plan(self, url: str) -> Plan:
        made = self._make(url)
        if made is None:
            return Plan(lambda keys: None)
        if len(self._by_url) < _MOST_URLS:
            self._by_url[url] = made
        return made

    def _may_stand_together(self, urls: tuple[str, ...]) -> bool:
        """Whether there are neither too few nor too many of any slice."""
        if not all(one.counts([(one.table or {}).get(url) for url in urls]) for one, _ in self._slicings):
            return False
        if len(self._together) < _MOST_URLS and len(urls) <= _MOST_TOGETHER:
            self._together.add(urls)
        return True

    def _make(self, url: str) -> Plan | None:
        specs = list(self._specs)
        around = Around(url, None)
        if is_absolute(url):
            found = self._plans.rules.extensions.definition(url)
            if found is None or found.is_modifier != self._is_modifier or not self._may_stand(found):
                return None
            tree = self._plans.named_tree(found.url, "Extension")
            if tree is None:
                return None
            specs.append(Spec(tree, self._base))
            around = Around(url, found.parts)
        elif self._around is None or (self._around.parts is not None and url not in self._around.parts):
            return None
        for slicing, spec in self._slicings:
            number = (slicing.table or {}).get(url)
            if number is None and slicing.is_closed:
                return None
            if number is not None:
                branch = slicing.slices[number]
                if branch.element.get("max") == "0":
                    return None
                specs.append(Spec(branch, spec.base))
        if PRIMITIVES["uri"](url) is not None or not all(_is_named(one, url) for one in specs):
            return None
        more, asks = self._plans.asks.of_specs(self._base, "Extension", tuple(specs))
        place = (*self._holder, "modifierExtension" if self._is_modifier else "extension")
        return self._plans.object(Asked("Extension", place, (*specs, *more), asks, around))

    def _may_stand(self, found: "Definition") -> bool:
        parent = self._around.url if self._around else None
        return self._plans.rules.extensions.may_stand(found, self._holder, parent)


def _is_named(spec: Spec, url: str) -> bool:
    """Whether what a profile says of the url of an extension holds of this one."""
    branch = spec.branch.children.get("url")
    if branch is None:
        return True
    given = [patterns.given(branch.element, prefix) for prefix in ("fixed", "pattern")]
    return all(one is None or one[1] == url for one in given)
