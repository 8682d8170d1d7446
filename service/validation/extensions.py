"""Extensions against their definitions: the value, the parts, and the place where they may stand.

https://hl7.org/fhir/R4/extensibility.html, https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from typing import TYPE_CHECKING, Any

from service.validation.compiler import Compiler
from service.validation.locate import extension_url
from service.validation.places import Place, element_ids, place_of
from service.validation.references import TYPE_ROOT, is_absolute
from service.validation.run import At, ItemCheck, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules


class Definition:
    """One extension definition, compiled."""

    def __init__(self, rules: "Rules", structure: Json, check: ItemCheck) -> None:
        root = structure["snapshot"]["element"][0]
        tree = rules.profiles.tree(structure["url"])
        inner = tree.child("extension") if tree else None
        compiler = Compiler(rules)
        self.url: str = structure["url"]
        self.is_modifier: bool = root.get("isModifier", False)
        self.contexts: list[Json] = structure.get("context", [])
        self.check = check
        parts = {extension_url(one, compiler) for one in inner.slices} if inner else set()
        self.parts: frozenset[str] | None = frozenset(one for one in parts if one) if None not in parts else None
        self.allowed: dict[Place, bool] = {}


class Extensions:
    """The checks of `extension` and `modifierExtension`."""

    def __init__(self, rules: "Rules") -> None:
        self._rules = rules
        self._definitions: dict[str, Definition | None] = {}

    def definition(self, url: str) -> Definition | None:
        if url not in self._definitions:
            found = None
            structure = self._rules.definitions.structure(url)
            check = self._rules.profiles.resource(url)
            if structure is not None and check is not None and structure.get("type") == "Extension":
                found = Definition(self._rules, structure, check)
            self._definitions[url] = found
        return self._definitions[url]

    def check(self, modifier: bool) -> ItemCheck:
        """The check of each item of `modifierExtension` or `extension`."""

        def check(value: Any, sibling: Any, at: At, run: Run) -> None:
            url = value.get("url")
            if type(url) is not str or not url:
                return
            if not is_absolute(url):
                if _parent(at, run) is None:
                    run.add("validation.extension-url", (at, "url"), url=url)
                return
            found = self.definition(url)
            if found is None:
                self._unknown(url, modifier, at, run)
                return
            if found.is_modifier != modifier:
                key = "validation.extension-is-modifier" if found.is_modifier else "validation.extension-no-modifier"
                run.add(key, at, url=url)
            found.check(value, None, at, run)
            self._check_parts(found, value, at, run)
            self._check_place(found, at, run)

        return check

    def _unknown(self, url: str, modifier: bool, at: At, run: Run) -> None:
        severity = run.options.unknown_modifiers if modifier else run.options.unknown_extensions
        key = "validation.modifier-unknown" if modifier else "validation.extension-unknown"
        run.add(key, (at, "url"), severity=severity, url=url)

    def _check_parts(self, found: Definition, value: Json, at: At, run: Run) -> None:
        rows = value.get("extension")
        if found.parts is None or type(rows) is not list:
            return
        for index, row in enumerate(rows):
            url = row.get("url") if type(row) is dict else None
            if type(url) is str and not is_absolute(url) and url not in found.parts:
                place = ((at, "extension"), index)
                run.add("validation.extension-part", place, url=url, extension=found.url)

    def _check_place(self, found: Definition, at: At, run: Run) -> None:
        if not found.contexts or any(one.get("expression") in ("Element", "*") for one in found.contexts):
            return
        place = place_of(at, run)
        if place not in found.allowed:
            found.allowed[place] = self.may_stand(found, place, _parent(at, run))
        if not found.allowed[place]:
            contexts = ", ".join(str(one.get("expression")) for one in found.contexts)
            # The contexts of R4's own extensions have been widened since, in packages that are seldom loaded.
            level = "warning" if found.url.startswith(TYPE_ROOT) else None
            run.add("validation.extension-context", at, severity=level, url=found.url, allowed=contexts)

    def may_stand(self, found: Definition, place: Place, parent: str | None) -> bool:
        """Whether an extension may stand at a place, within the extension with the url `parent` where it is in one."""
        if not found.contexts or any(one.get("expression") in ("Element", "*") for one in found.contexts):
            return True
        ids = element_ids(place, self._rules.model)
        for context in found.contexts:
            kind, wanted = context.get("type"), str(context.get("expression", ""))
            if kind == "extension":
                if parent == wanted.partition("#")[0]:
                    return True
            elif kind == "fhirpath":
                return True  # The context is a set of elements, and place alone does not tell.
            elif wanted.rpartition("#")[2] in ids or wanted in ids:
                return True
        return False


def _parent(at: At, run: Run) -> str | None:
    """The url of the extension that holds this one; None at the top."""
    holder = at[0][0] if at is not None and at[0] is not None else None
    if holder is None or holder[0] is None or holder[0][1] not in ("extension", "modifierExtension"):
        return None
    node = run.top
    path = []
    while holder is not None:
        holder, step = holder
        path.append(step)
    for step in reversed(path):
        node = node[step]
    url = node.get("url") if type(node) is dict else None
    return url if type(url) is str else None
