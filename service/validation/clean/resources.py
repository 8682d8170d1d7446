"""Which resources are surely right, in a Bundle or alone.

https://hl7.org/fhir/R4/bundle.html#references
"""

from typing import TYPE_CHECKING, Any

from service.validation.bundles import check_bundle
from service.validation.clean.asks import Spec
from service.validation.clean.passes import Plan
from service.validation.clean.plans import Asked, Plans
from service.validation.questionnaires import check_response
from service.validation.references import Link
from service.validation.run import Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

Assumed = list[tuple[int, str]]  # the targets (by id()) and the profiles that they must meet
_MOST_SETS = 1000  # of profiles that resources name together
_STRINGS = {str}


class Clean:
    """Tells which resources are surely right. Holds no state of a validation."""

    def __init__(self, rules: "Rules") -> None:
        self._rules = rules
        self._plans = Plans(rules)
        self._roots: dict[tuple[str, tuple[str, ...]], Plan] = {}

    def is_clean(self, value: Json, name: str, profiles: tuple[str, ...], run: Run) -> bool:
        """Whether there is surely nothing to say about a resource, the run being at it, but that it has no narrative;
        what is in it of a Bundle is not looked at."""
        if value is run.top and self._plans.is_full:
            self._plans, self._roots = Plans(self._rules), {}
        key = name, profiles
        plan = self._roots[key] if key in self._roots else self._root(key)
        if plan is None:
            return False
        kept = run.found, run.counts, run.ids, run.links
        run.found, run.counts, run.ids = [], [0, 0], set()
        run.links = run.bundle.links(run.base) if run.bundle is not None else {}
        try:
            if not plan[tuple(value)](value, run):
                return False
            if name == "Bundle":
                check_bundle(value, None, run, self._rules)
            elif name == "QuestionnaireResponse":
                check_response(value, None, run, self._rules)
            return not run.found
        finally:
            run.found, run.counts, run.ids, run.links = kept

    def declared(self, value: Json, name: str, run: Run, is_top: bool) -> tuple[str, ...] | None:
        """The profiles that a resource must meet by what it says and is; None where what it says is malformed."""
        meta = value.get("meta")
        named: Any = ()
        if type(meta) is dict and "profile" in meta and (is_top or run.options.bundle_profiles):
            named = meta["profile"]
            if type(named) is not list or {*map(type, named)} != _STRINGS:
                return None
        if name in self._rules.required.types:
            return (*named, *self._rules.required.of(value))
        return (*named,)

    def judge(self, run: Run) -> None:
        """Note in `run.clean` which of the resources of a Bundle are surely right, the run being at it."""
        claimed: list[tuple[Json, int, str, tuple[str, ...]]] = []
        run.claims = {}
        for _, _, resource in run.bundle.rows:
            name = resource.get("resourceType") if resource is not None else None
            if type(name) is str and name in self._rules.resource_types and name != "Bundle":
                urls = self.declared(resource, name, run, is_top=False)
                if urls is not None:
                    number = id(resource)
                    claimed.append((resource, number, name, urls))
                    run.claims[number] = name, urls
                    run.bundle.know(Link(name, resource, number, urls))
        before = run.resource, run.root, run.contained, run.base, run.place
        assumed: dict[int, Assumed] = {}
        for resource, number, name, urls in claimed:
            run.resource = run.root = resource
            run.contained, run.base, run.assumed = None, run.bundle.full_url_of(resource), []
            if self.is_clean(resource, name, urls, run):
                assumed[number] = run.assumed
        run.assumed = None
        run.resource, run.root, run.contained, run.base, run.place = before
        run.clean = self._verified(assumed, run)

    def _verified(self, assumed: dict[int, Assumed], run: Run) -> set[int]:
        """Those whose targets do meet the profiles that they were assumed to meet."""
        verified = set(assumed)
        changed = True
        while changed:
            changed = False
            for one in list(verified):
                for target, url in assumed[one]:
                    if target not in verified and not self._conforms(target, url, run):
                        verified.discard(one)
                        changed = True
                        break
        return verified

    def _conforms(self, number: int, url: str, run: Run) -> bool:
        target = next(one for _, _, one in run.bundle.rows if id(one) == number)
        return self._rules.references.conforms(target, url, run)

    def _root(self, key: tuple[str, tuple[str, ...]]) -> Plan | None:
        made = self._make(*key) if len(self._roots) < _MOST_SETS else None
        if made is not None:
            self._roots[key] = made
        return made

    def _make(self, name: str, urls: tuple[str, ...]) -> Plan | None:
        base = self._rules.types.element(name)
        trees = [self._plans.named_tree(one, name) for one in urls]
        if base is None or None in trees:
            return None
        given = tuple(Spec(one, base) for one in trees if one is not None)
        more, asks = self._plans.asks.of_specs(base, name, given)
        return self._plans.object(Asked(name, (name,), (*given, *more), asks))
