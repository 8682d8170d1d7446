"""The story of one document: intake, mapping, validation. Pure: a document in, a Bundle, issues and a trace out.

source document ─▶ check ─▶ keyed ─▶ mapping (FML) ─▶ assembled ─▶ validation ─▶ Converted
"""

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service import assets
from service.fhir import json
from service.fhir.definitions import Definitions, ours
from service.fhir.packages import load_packages
from service.fhir.terminology import Terminology
from service.intake.check import check, recognise
from service.intake.keyed import keyed
from service.intake.logical import models
from service.intake.schema import Schema, SchemaError, base, compose
from service.intake.unkeyed import Unresolved, unkeyed
from service.issues import Issue, has_errors, issue
from service.mapping.bundle import assembled, renumbered
from service.mapping.catalogue import Catalogue, Overlays, Variant
from service.validation.run import Options

if TYPE_CHECKING:
    from service.mapping.shapes import TargetModel
    from service.mapping.trace import Trace
    from service.validation import Validator

# Only the plan is read by people, so only it has a narrative; that the rest has none (dom-6) is meant.
OURS = Options(best_practice="ignore")
SOURCE_DOCUMENT = "https://yhdessa.example/fhir/StructureDefinition/source-document"


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of one document. `bundle` is None where an issue is an error; `document` is the one given."""

    document: Any
    bundle: dict[str, Any] | None
    issues: list[Issue]
    trace: "Trace | None" = None


@dataclass(frozen=True, slots=True)
class Keyed:
    """A document on its way. `document` is its keyed form, None where an issue is an error."""

    document: dict[str, Any] | None
    variant: Variant | None
    issues: list[Issue]


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a Bundle on the way back. `document` is None where an issue is an error."""

    document: dict[str, Any] | None
    issues: list[Issue]


Narrator = Callable[[dict[str, Any], list[dict[str, Any]]], dict[str, str]]
"""Makes the narrative (`CarePlan.text`) of a CarePlan from it and the resources around it."""


class MappingError(ValueError):
    """Mappings that cannot be used; `issues` say where and why."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(one.text() for one in issues))
        self.issues = list(issues)


class Schemas:
    """The schemas and logical models of the source documents, for each set of overlays that a variant has."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._schemas: dict[tuple[int, ...], tuple[Overlays, Schema]] = {}

    def of(self, overlays: Overlays) -> Schema:
        """The composed schema; `SchemaError` where an overlay does not fit."""
        if not overlays:
            return base()
        key = tuple(map(id, overlays))
        if key not in self._schemas:
            # The overlays are kept beside the schema, so that no other object can get their place in memory.
            self._schemas[key] = (overlays, compose(overlays))
        return self._schemas[key][1]

    def types(self, overlays: Overlays) -> "tuple[list[TargetModel], list[Issue]]":
        """The types that the maps of a variant with these overlays know."""
        from service.mapping.shapes import Shapes

        try:
            logical = models(self.of(overlays))
        except SchemaError as error:
            return [], [error.issue]
        return [Shapes(self._definitions.structure, logical.values())], []


class Converter:
    """Everything that one conversion needs, compiled once; safe to share between threads."""

    def __init__(
        self,
        key: bytes,
        catalogue: Catalogue,
        definitions: Definitions,
        schemas: "Schemas",
        narrator: Narrator | None = None,
    ) -> None:
        self.key = key
        self.catalogue = catalogue
        self.definitions = definitions
        self.schemas = schemas
        self.narrator = narrator
        self.terminology = Terminology(definitions)

    @functools.cached_property
    def validator(self) -> "Validator":
        """The validator, loaded with the first resource: a start has none."""
        from service.validation import Validator

        return Validator(self.definitions, self.terminology)

    @classmethod
    def load(
        cls,
        *,
        key: bytes,
        variants: Sequence[Path] = (),
        packages: Path | None = None,
        narrator: Narrator | None = None,
    ) -> "Converter":
        """A converter with our mappings, those in the folders `variants`, and the FHIR packages in `packages`.

        `narrator` writes the narrative of each plan; without it plans have none.

        `MappingError` or `PackageError` where one of them cannot be used.
        """
        definitions = ours()
        if packages:
            definitions = definitions.with_packages(load_packages(packages).packages)
        schemas = Schemas(definitions)
        catalogue, issues = Catalogue.load([assets.mappings(), *variants], schemas.types)
        if has_errors(issues):
            raise MappingError(issues)
        return cls(key, catalogue, definitions, schemas, narrator)

    def reloaded(self) -> tuple["Converter", list[Issue]]:
        """A converter of the mapping folders as they are now; of a variant with an error, the last good one stays."""
        catalogue, issues = self.catalogue.reload()
        return Converter(self.key, catalogue, self.definitions, self.schemas, self.narrator), issues

    def keyed(
        self,
        document: Any,
        *,
        variant: str | None = None,
        activity_style: str = "detail",
        source_hash: str | None = None,
    ) -> "Keyed":
        """A source document checked and in the form that the maps read, with the variant that maps it.

        `source_hash` is its `digest`, for who has that already.
        """
        chosen = self.catalogue.choose(document, variant)
        if isinstance(chosen, Issue):
            return Keyed(None, None, [chosen])
        schema = self.schemas.of(chosen.overlays)
        found = check(document, schema=schema)
        if not has_errors(found) and (kind := document["kind"]) not in chosen.entry:
            found.append(issue("mapping.no-entry", name=chosen.name, kind=kind))
        if has_errors(found):
            return Keyed(None, chosen, found)
        processing = {
            "activityStyle": activity_style,
            "sourceHash": source_hash or digest(document),
            "mappingSet": chosen.name,
            "mappingHash": chosen.hash,
        }
        return Keyed(keyed(document, self.key, processing=processing, schema=schema), chosen, found)

    def convert(
        self,
        document: Any,
        *,
        variant: str | None = None,
        activity_style: str = "detail",
        source_hash: str | None = None,
        trace: bool = False,
    ) -> Converted:
        """The transaction Bundle of a source document (a JSON value), with everything found on the way.

        `variant` names a mapping; without it the document's own model, county and organisation choose. With
        `activity_style` `reference`, measures and services stand beside the plan. `source_hash` is the document's
        `digest`, for who has that already. `trace` tells which rule made what.
        """
        ready = self.keyed(document, variant=variant, activity_style=activity_style, source_hash=source_hash)
        if ready.document is None or ready.variant is None:
            return Converted(document, None, ready.issues)
        chosen, made, found = ready.variant, ready.document, ready.issues
        kind = document["kind"]
        if trace:
            result, traced = chosen.compiled.run_traced(made, group=chosen.entry[kind])
        else:
            result, traced = chosen.compiled.run(made, group=chosen.entry[kind]), None
        found += result.issues
        if result.target is None or has_errors(result.issues):
            return Converted(document, None, found, traced)
        bundle, twice, moved = assembled(result.target)
        if self.narrator:
            _narrate(bundle, self.narrator)
        found += [*twice, *self.validator.validate(bundle, options=OURS)]
        traced = renumbered(traced, moved) if traced else None
        return Converted(document, None if has_errors(found) else bundle, found, traced)

    def convert_text(self, text: bytes, **options: Any) -> Converted:
        """The same for JSON text: what is wrong with the JSON is an issue, and issues have line and column."""
        try:
            document = json.parse(text)
        except json.JsonError as error:
            return Converted(None, None, [error.issue])
        return self.convert_read(document, text, **options)

    def convert_read(self, document: Any, text: bytes, **options: Any) -> Converted:
        """The same for who has read the JSON text already: `document` is its value."""
        made = self.convert(document, **options)
        # An issue with a FHIRPath is about the Bundle, which has no text yet.
        about = [one for one in made.issues if one.expression is None]
        rest = [one for one in made.issues if one.expression is not None]
        return replace(made, issues=[*json.placed(about, text), *rest]) if about else made

    def restore(self, bundle: Any, *, variant: str | None = None) -> Restored:
        """The way back: the source document of a Bundle that was made of one, with what has changed in it since.

        The Bundle must hold the Provenance that names the document's kind.
        """
        kind = _kind(bundle)
        if kind is None:
            shown = bundle.get("resourceType", "") if isinstance(bundle, dict) else type(bundle).__name__
            return Restored(None, [issue("mapping.not-a-bundle", type=shown, pointer="")])
        chosen = self.catalogue.choose({"kind": kind, "model": _model(bundle)}, variant)
        if isinstance(chosen, Issue):
            return Restored(None, [chosen])
        if kind not in chosen.inbound:
            return Restored(None, [issue("mapping.no-entry", name=chosen.name, kind=kind)])
        result = chosen.compiled.run(bundle, group=chosen.inbound[kind])
        if result.target is None or has_errors(result.issues):
            return Restored(None, list(result.issues))
        try:
            document = unkeyed(result.target, schema=self.schemas.of(chosen.overlays))
            return Restored(document, list(result.issues))
        except Unresolved as error:
            return Restored(None, [*result.issues, issue("mapping.unresolved", reference=error.reference)])

    def message(self, answer: Mapping[str, Any], *, model: str | None = None) -> dict[str, Any]:
        """What an answer (a FHIR resource) says in words, in the source document's terms; empty where it says nothing.

        `model` chooses the variant, as in a document.
        """
        chosen = self.catalogue.choose({"kind": "shared-plan", "model": model}, None)
        if isinstance(chosen, Issue) or "answer" not in chosen.inbound:
            return {}
        alone = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": answer}]}
        result = chosen.compiled.run(alone, group=chosen.inbound["answer"])
        found = result.target.get("message", {}) if isinstance(result.target, dict) else {}
        return dict(found)


@functools.cache
def default(key: bytes) -> Converter:
    """A converter of the mappings and definitions that travel with the program."""
    return Converter.load(key=key)


def convert(document: Any, *, key: bytes, **options: Any) -> Converted:
    """The Bundle of one source document by the mappings that travel with the program; see `Converter.convert`."""
    return default(key).convert(document, **options)


def _narrate(bundle: dict[str, Any], narrator: Narrator) -> None:
    """Give every CarePlan of a Bundle that was just made its narrative, at FHIR's place for it."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    for entry in bundle["entry"]:
        plan = entry["resource"]
        if plan["resourceType"] == "CarePlan":
            first = {name: plan[name] for name in ("resourceType", "id", "meta", "language") if name in plan}
            entry["resource"] = first | {"text": narrator(plan, resources)} | plan


def digest(document: Any) -> str:
    """SHA-256 (hex) of a document: of its compact JSON with sorted keys, so that layout does not count."""
    return hashlib.sha256(json.canonical(document)).hexdigest()


def _source_document(bundle: Any) -> Mapping[str, Any]:
    """The values of the `source-document` extension of the Bundle's Provenance, by name."""
    for entry in _objects(bundle, "entry"):
        resource = entry.get("resource")
        if isinstance(resource, dict) and resource.get("resourceType") == "Provenance":
            for extension in _objects(resource, "extension"):
                if extension.get("url") == SOURCE_DOCUMENT:
                    return {str(part.get("url")): _value(part) for part in _objects(extension, "extension")}
    return {}


def _objects(holder: Any, key: str) -> list[dict[str, Any]]:
    """The objects in the list under `key`: a Bundle on the way back may come from anywhere."""
    rows = holder.get(key) if isinstance(holder, dict) else None
    return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []


def _value(part: Mapping[str, Any]) -> Any:
    return next((value for key, value in part.items() if key.startswith("value")), None)


def _kind(bundle: Any) -> str | None:
    return recognise(_source_document(bundle))


def _model(bundle: Any) -> str | None:
    model = _source_document(bundle).get("model")
    return model if isinstance(model, str) else None
