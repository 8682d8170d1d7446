"""Everything compiled from one set of definitions, made when first needed and kept.

https://hl7.org/fhir/R4/validation.html
"""

import difflib
from typing import Any

from service.fhir.definitions import Definitions
from service.fhir.terminology import Terminology
from service.validation.bindings import Bindings
from service.validation.bundles import check_bundle
from service.validation.clean.resources import Clean
from service.validation.entries import Index
from service.validation.extensions import Extensions
from service.validation.fields import Node, Walk
from service.validation.invariants import Invariants
from service.validation.primitives import Primitives
from service.validation.profiles import Profiles
from service.validation.questionnaires import check_response
from service.validation.references import References, check_contained
from service.validation.required import Required
from service.validation.run import At, Json, Run
from service.validation.types import Types

_ABSTRACT = frozenset(("Resource", "DomainResource"))


class Rules:
    """One per validator; holds no state of a validation."""

    def __init__(self, definitions: Definitions, terminology: Terminology) -> None:
        self.definitions = definitions
        self.terminology = terminology
        self.model = definitions.model
        self.invariants = Invariants(self)
        self.bindings = Bindings(self)
        self.references = References(self)
        self.profiles = Profiles(self)
        self.extensions = Extensions(self)
        self.types = Types(self)
        self.primitives = Primitives(self)
        self.required = Required(definitions)
        self.clean = Clean(self)
        kinds = definitions.types()
        self.resource_types = frozenset(name for name in kinds if kinds[name] == "resource") - _ABSTRACT
        self._any = Node("Resource", lambda node: self._resource_walk(contained=False))
        self._contained = Node("Resource", lambda node: self._resource_walk(contained=True))

    def any_resource(self, contained: bool) -> Node:
        """The node of a place that takes a resource of any type."""
        return self._contained if contained else self._any

    def _resource_walk(self, contained: bool) -> Walk:
        types, node_of = self.resource_types, self.types.node

        def walk(value: Json, at: At, run: Run) -> None:
            name = value.get("resourceType")
            if type(name) is not str or name not in types:
                self._wrong_type(value, at, run)
                return
            before = run.resource, run.root, run.contained, run.bundle, run.base, run.place, run.ids
            claims, clean = run.claims, run.clean
            run.resource, run.place, run.ids = value, at, set()
            if not contained:
                run.root, run.contained = value, None
                if run.bundle is not None:
                    run.base = run.bundle.full_url_of(value)
            if name == "Bundle":
                run.bundle, run.base = Index(value), None
                self.clean.judge(run)
            if not contained and self._is_clean(value, name, at, run):
                self._advise(value, name, at, run)
            else:
                full(value, name, at, run)
            run.resource, run.root, run.contained, run.bundle, run.base, run.place, run.ids = before
            run.claims, run.clean = claims, clean

        def full(value: Json, name: str, at: At, run: Run) -> None:
            node_of(name).walk(value, at, run)
            self._declared(value, name, at, run)
            if name in self.required.types:
                for url in self.required.of(value):
                    self.conform(value, url, at, run, at)
            if "contained" in value:
                check_contained(value, at, run)
            if name == "Bundle":
                check_bundle(value, at, run, self)
            elif name == "QuestionnaireResponse":
                check_response(value, at, run, self)

        return walk

    def _is_clean(self, value: Json, name: str, at: At, run: Run) -> bool:
        """Whether nothing need be said about a resource, the run being at it, but what may be advised."""
        if id(value) in run.claims:
            return id(value) in run.clean
        profiles = self.clean.declared(value, name, run, at is None)
        return profiles is not None and self.clean.is_clean(value, name, profiles, run)

    def _advise(self, value: Json, name: str, at: At, run: Run) -> None:
        """What is best practice for a resource that is right, and what there is to say about what is in a Bundle."""
        if name == "Bundle":
            is_advised = run.options.best_practice != "ignore"
            for index, _, resource in run.bundle.rows:
                if resource is not None and (is_advised or id(resource) not in run.clean):
                    self._any.walk(resource, ((((at, "entry"), index)), "resource"), run)
        elif run.options.best_practice != "ignore":
            for check in self.invariants.advice(name):
                check(value, None, at, run)

    def _declared(self, value: Json, name: str, at: At, run: Run) -> None:
        """The profiles that the resource names for itself."""
        meta = value.get("meta")
        urls = meta.get("profile") if type(meta) is dict else None
        if type(urls) is not list or (at is not None and not run.options.bundle_profiles):
            return
        for index, url in enumerate(urls):
            if type(url) is str:
                self.conform(value, url, at, run, ((((at, "meta"), "profile"), index)))

    def conform(self, value: Json, url: str, at: At, run: Run, named_at: At) -> None:
        """Check `value` against the profile `url`, which stands at `named_at`."""
        check = self.profiles.resource(url)
        if check is None:
            run.add("validation.profile-unknown", named_at, severity=run.options.unknown_profiles, url=url)
            return
        mark = (id(value), url)
        if mark in run.active:
            return
        run.active.add(mark)
        check(value, None, at, run)
        run.active.discard(mark)

    def requested(self, value: Json, url: str, run: Run) -> None:
        """Check the outermost resource against a profile that the caller asks for."""
        kept = run.bundle
        if value.get("resourceType") == "Bundle":
            run.bundle = Index(value)
        if self.profiles.resource(url) is None:
            run.add("validation.profile-not-loaded", None, url=url)
        else:
            name = str(value.get("resourceType"))
            if name == "Bundle" or not self.clean.is_clean(value, name, (url,), run):
                self.conform(value, url, None, run, None)
        run.bundle = kept

    def _wrong_type(self, value: Json, at: At, run: Run) -> None:
        name: Any = value.get("resourceType")
        if name is None:
            run.add("validation.resource-type-missing", at)
        elif type(name) is str and (near := difflib.get_close_matches(name, self.resource_types, 1)):
            run.add("validation.resource-type-near", (at, "resourceType"), type=name, near=near[0])
        else:
            run.add("validation.resource-type-unknown", (at, "resourceType"), type=name)
