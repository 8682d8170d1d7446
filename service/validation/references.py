"""References: their form, what they point to, and whether that may stand there.

https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/R4/bundle.html#references
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from service.validation.run import At, ItemCheck, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

TYPE_ROOT = "http://hl7.org/fhir/StructureDefinition/"
LITERAL = re.compile(r"(?:^|.*/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
# Resources of maturity 0 and 1: R4's own examples point past the targets that these drafts list, so there it is only a
# warning. https://hl7.org/fhir/R4/resourcelist.html
_DRAFT_NAMES = """
    AdverseEvent Basic BiologicallyDerivedProduct BodyStructure CatalogEntry ChargeItem ChargeItemDefinition
    ClinicalImpression CompartmentDefinition Contract DetectedIssue DeviceDefinition DeviceMetric DeviceRequest
    DeviceUseStatement EffectEvidenceSynthesis EnrollmentRequest EnrollmentResponse EventDefinition Evidence
    EvidenceVariable ExampleScenario Flag GraphDefinition Group ImmunizationEvaluation ImmunizationRecommendation
    ImplementationGuide InsurancePlan Invoice Linkage List Media MedicationKnowledge MedicinalProduct
    MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
    MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MolecularSequence NamingSystem
    ObservationDefinition OrganizationAffiliation ResearchDefinition ResearchElementDefinition ResearchStudy
    ResearchSubject RiskAssessment RiskEvidenceSynthesis SpecimenDefinition SubstanceNucleicAcid SubstancePolymer
    SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery
    SupplyRequest TerminologyCapabilities TestReport VerificationResult
"""
DRAFTS = frozenset(_DRAFT_NAMES.split())
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SPACE = re.compile(r"\s")


def is_absolute(url: str) -> bool:
    """Whether `url` begins with a scheme (`https:`, `urn:`, …)."""
    return url.startswith(("http:", "https:", "urn:")) or _ABSOLUTE.match(url) is not None


class Targets(NamedTuple):
    """What a Reference may point to: types (None: any), by type the profiles of which one must be met, aggregation
    modes; and the severity of another type, where it is not that of an error."""

    allowed: frozenset[str] | None
    profiles: dict[str, list[str]]
    modes: set[str]
    level: str | None


class Link(NamedTuple):
    """What a literal reference leads to: the type, the resource within the document, its id(), the profiles that it
    claims."""

    type: str | None
    target: Json | None
    number: int
    profiles: tuple[str, ...]


_NOWHERE = Link(None, None, 0, ())


class References:
    """Checks of `Reference` and `canonical`."""

    def __init__(self, rules: "Rules") -> None:
        self._rules = rules

    def literal_type(self, reference: str) -> str | None:
        """The type that a RESTful reference (`Patient/1`, `http://…/Patient/1/_history/2`) names."""
        match = LITERAL.fullmatch(reference)
        return match[1] if match and match[1] in self._rules.resource_types else None

    def resolve(self, reference: str, run: Run) -> Json | None:
        """The resource within this document that `reference` points to: contained, or in the Bundle around it."""
        if reference.startswith("#"):
            if len(reference) == 1:
                return run.root if isinstance(run.root, dict) else None
            return contained(run).get(reference[1:])
        if run.bundle is None:
            return None
        found: Json | None = run.bundle.find(reference, run.base)
        return found

    def target_type(self, value: Json, run: Run) -> str | None:
        """The resource type that a Reference points to, as far as it can be known."""
        reference = value.get("reference")
        if type(reference) is str:
            named = self.literal_type(reference)
            if named:
                return named
            found = self.resolve(reference, run)
            if found is not None:
                name = found.get("resourceType")
                return name if type(name) is str else None
        named = value.get("type")
        return named if type(named) is str and named in self._rules.resource_types else None

    def check(self, value: Json, sibling: Any, at: At, run: Run) -> None:
        """What holds of every Reference: its literal agrees with its `type`, and has a form that can be followed."""
        reference = value.get("reference")
        if type(reference) is not str:
            return
        if _SPACE.search(reference):
            run.add("validation.reference-space", (at, "reference"), reference=reference)
            return
        named = value.get("type")
        if type(named) is str:
            target = self.target_type({"reference": reference}, run)
            if target is not None and target != named:
                run.add("validation.reference-type", (at, "type"), type=named, target=target)
        if run.bundle is not None and not reference.startswith("#") and not is_absolute(reference):
            self._check_in_bundle(reference, at, run)

    def _check_in_bundle(self, reference: str, at: At, run: Run) -> None:
        if reference.count("/") in (1, 3):
            return
        if "?" in reference and run.bundle.type in ("transaction", "batch"):
            return
        if run.base is not None:
            run.add("validation.reference-format", (at, "reference"), reference=reference)

    def link(self, reference: str, run: Run) -> Link:
        """What a literal that can be followed leads to; the run keeps it for all that say the same."""
        found = self.resolve(reference, run)
        named = self.literal_type(reference)
        if named is None and found is not None and type(found.get("resourceType")) is str:
            named = found["resourceType"]
        _, profiles = run.claims.get(id(found), ("", ()))
        link = run.links[reference] = Link(named, found, id(found), profiles)
        return link

    def aims(self, all_targets: Sequence[Targets]) -> Callable[[Json, Run], bool]:
        """Whether a Reference meets all of `all_targets`; its literal, if it has one, is among the links of the run."""

        def ask(value: Json, run: Run) -> bool:
            link = run.links[value["reference"]] if "reference" in value else _NOWHERE
            name = link.type or self.target_type(value, run)
            is_typed = "type" in value
            for allowed, profiles, modes, _ in all_targets:
                # Where the literal names a type that may be here, its own `type` alone could be another.
                is_clear = allowed is None or (name in allowed and not is_typed)
                if not is_clear and _not_among(allowed or frozenset(), name, value) is not None:
                    return False
                if modes:
                    self._check_mode(value, modes, None, run)
                if link.target is not None and name in profiles and not self._leads_to(link, profiles[name], run):
                    return False
            return True

        return ask

    def _leads_to(self, link: Link, profiles: list[str], run: Run) -> bool:
        """Whether the target of a link meets one of the profiles, those that it claims being taken for granted."""
        for url in profiles:
            if url in link.profiles and run.assumed is not None:
                run.assumed += ((link.number, url),)
                return True
            if self.conforms(link.target or {}, url, run):
                return True
        return False

    def targets(self, element: Json, type_name: str, is_profile: bool = False) -> Targets | None:
        """What `type.targetProfile` and `type.aggregation` of an element ask; `None` where anything may stand."""
        urls: list[str] = []
        modes: set[str] = set()
        for type_ in element.get("type", ()):
            if type_.get("code") == type_name:
                urls += type_.get("targetProfile", ())
                modes.update(type_.get("aggregation", ()))
        if type_name != "Reference" or (not urls and not modes):
            return None
        allowed, profiles = self._split(urls)
        if allowed is None and not profiles and not modes:
            return None
        is_draft = not is_profile and element["path"].partition(".")[0] in DRAFTS
        return Targets(allowed, profiles, modes, "warning" if is_draft else None)

    def check_targets(self, targets: Targets) -> ItemCheck:
        """The check of a Reference against what it may point to."""
        allowed, profiles, modes, level = targets

        def check(value: Any, sibling: Any, at: At, run: Run) -> None:
            if type(value) is not dict:
                return
            target = self.target_type(value, run)
            if allowed is not None and (wrong := _not_among(allowed, target, value)) is not None:
                names = ", ".join(sorted(allowed))
                run.add("validation.reference-target", at, severity=level, target=wrong, allowed=names)
                return
            if modes:
                self._check_mode(value, modes, at, run)
            if profiles and target in profiles:
                self._check_target(value, profiles[target], at, run)

        return check

    def _split(self, urls: list[str]) -> tuple[frozenset[str] | None, dict[str, list[str]]]:
        """The allowed types (None: any) and, by type, the profiles of which a target must meet one."""
        allowed: set[str] = set()
        profiles: dict[str, list[str]] = {}
        plain: set[str] = set()
        for url in urls:
            bare = url.partition("|")[0]
            name = bare.removeprefix(TYPE_ROOT)
            if name in ("Resource", "DomainResource"):
                return None, {}
            if name in self._rules.resource_types:
                plain.add(name)
            else:
                structure = self._rules.definitions.structure(url)
                if structure is None:
                    return None, {}  # A profile that is not known may be of any type.
                name = structure["type"]
                if name in ("Resource", "DomainResource"):
                    return None, {}
                profiles.setdefault(name, []).append(url)
            allowed.add(name)
        for name in plain:
            profiles.pop(name, None)
        return (frozenset(allowed) if allowed else None), (profiles if allowed else {})

    def _check_mode(self, value: Json, modes: set[str], at: At, run: Run) -> None:
        reference = value.get("reference")
        if type(reference) is not str:
            return
        if reference.startswith("#"):
            mode = "contained"
        else:
            mode = "referenced" if self.resolve(reference, run) is None else "bundled"
        if mode in modes or (mode == "bundled" and "referenced" in modes):
            return
        if mode == "referenced" and "bundled" in modes and run.bundle is None:
            return  # Without the Bundle around it nobody can tell.
        if mode == "referenced":
            run.add("validation.reference-not-found", at, reference=reference)
        else:
            run.add("validation.reference-aggregation", at, mode=mode, modes=", ".join(sorted(modes)))

    def _check_target(self, value: Json, profiles: list[str], at: At, run: Run) -> None:
        reference = value.get("reference")
        found = self.resolve(reference, run) if type(reference) is str else None
        if found is not None and not self._conforms_to_any(found, profiles, run):
            run.add("validation.reference-profile", at, reference=reference, profiles=", ".join(profiles))

    def _conforms_to_any(self, target: Json, profiles: list[str], run: Run) -> bool:
        for url in profiles:  # noqa: SIM110 - a generator costs more than what it does here
            if self.conforms(target, url, run):
                return True
        return False

    def conforms(self, target: Json, url: str, run: Run) -> bool:
        """Whether a resource of this document meets a profile, worked out once a run; a cycle is taken to be met."""
        mark = (id(target), url)
        claim = run.claims.get(mark[0])
        if claim is not None and url in claim[1]:
            if mark[0] in run.clean:
                return True
            if run.assumed is not None:
                run.assumed.append(mark)
                return True
        if mark not in run.memo:
            run.memo[mark] = True
            assumed, run.assumed = run.assumed, None
            run.memo[mark] = self._rules.profiles.conforms(target, url, run)
            run.assumed = assumed
        return bool(run.memo[mark])


def _not_among(allowed: frozenset[str], target: str | None, value: Json) -> str | None:
    """The type that a Reference has, or beside a literal says it has, and that may not stand here."""
    if target is not None and target not in allowed:
        return target
    named = value.get("type")
    if type(named) is str and "reference" in value and named.removeprefix(TYPE_ROOT) not in allowed:
        return named
    return None


def check_contained(resource: Json, at: At, run: Run) -> None:
    """Two contained resources must not have one id, for references to them would have two meanings."""
    rows = resource.get("contained")
    seen: set[str] = set()
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        own_id = row.get("id") if isinstance(row, dict) else None
        if isinstance(own_id, str):
            if own_id in seen:
                run.add("validation.contained-twice", ((at, "contained"), index), id=own_id)
            seen.add(own_id)


def contained(run: Run) -> dict[str, Json]:
    """The contained resources of the current root by id."""
    if run.contained is None:
        inside = run.root.get("contained") if isinstance(run.root, dict) else None
        rows = inside if isinstance(inside, list) else []
        run.contained = {row["id"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}
    return run.contained
