"""The validator: a FHIR resource in, issues out.

https://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Sequence
from typing import Any

from service.fhir.definitions import Definitions
from service.fhir.json import JsonError, parse, placed
from service.fhir.terminology import Terminology
from service.issues import Issue, issue
from service.validation.rules import Rules
from service.validation.run import Options, Run, issues

DEFAULT = Options()


class Validator:
    """Judges resources against R4 and any profiles; compiles each definition when it first meets it.

    One validator serves any number of resources; share it, for the compiled rules are kept in it. A validator must not
    be used by two threads at once before it is warm: two would compile the same rule, which is harmless but slow.
    """

    def __init__(self, definitions: Definitions, terminology: Terminology | None = None) -> None:
        self.definitions = definitions
        self.terminology = terminology or Terminology(definitions)
        self._rules = Rules(definitions, self.terminology)

    def validate(
        self,
        resource: Any,
        profiles: Sequence[str] = (),
        text: bytes | str | None = None,
        options: Options = DEFAULT,
    ) -> list[Issue]:
        """What is wrong with `resource` (FHIR JSON), most places with pointer and expression; empty where all is well.

        It is checked against R4, the profiles it names in `meta.profile`, and the canonical urls `profiles`. With
        `text`, the JSON it was read from, issues also carry line and column.
        """
        if type(resource) is not dict:
            return [issue("validation.not-an-object", pointer="")]
        run = Run(options, resource)
        run.resource = run.root = resource
        self._rules.any_resource(contained=False).walk(resource, None, run)
        run.resource = run.root = resource
        for url in profiles:
            self._rules.requested(resource, url, run)
        found = issues(run, self.definitions.model)
        return placed(found, text) if text is not None and found else found

    def validate_text(self, text: bytes | str, profiles: Sequence[str] = (), options: Options = DEFAULT) -> list[Issue]:
        """The same for JSON text; what makes it unreadable (syntax, duplicate keys, …) is an issue like any other."""
        try:
            resource = parse(text)
        except JsonError as error:
            return [error.issue]
        return self.validate(resource, profiles, text, options)
