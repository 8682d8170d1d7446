"""The snapshot of a profile as a tree: elements, their children, their slices.

https://hl7.org/fhir/R4/profiling.html#slicing
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.fhir.model import choice_key
from service.validation.run import Json


@dataclass(slots=True)
class Branch:
    """One element (or slice) of a snapshot; `children` by their last name (`value[x]`), `slices` in order."""

    element: Json
    children: dict[str, "Branch"] = field(default_factory=dict)
    slices: list["Branch"] = field(default_factory=list)

    @property
    def slice_name(self) -> str:
        return str(self.element.get("sliceName", ""))

    def child(self, name: str) -> "Branch | None":
        """The child element, a choice element by its name with or without `[x]`."""
        return self.children.get(name) or self.children.get(name + "[x]")


def plant(structure: Mapping[str, Any]) -> Branch:
    """The tree of a StructureDefinition's snapshot."""
    elements = structure["snapshot"]["element"]
    root = Branch(elements[0])
    latest: dict[str, Branch] = {elements[0]["path"]: root}
    for element in elements[1:]:
        path = element["path"]
        parent_path, _, name = path.rpartition(".")
        parent = latest.get(parent_path)
        if parent is None:
            continue
        branch = Branch(element)
        latest[path] = branch
        for known in [one for one in latest if one.startswith(path + ".")]:
            del latest[known]
        if "sliceName" in element and name in parent.children:
            _hang(parent.children[name], branch)
        elif "sliceName" in element and (stem := _choice_of(name, parent)):
            _hang(parent.children[stem], branch)
        else:
            parent.children.setdefault(name, branch)
    return root


def _choice_of(name: str, parent: Branch) -> str | None:
    """`value[x]` for a slice that a profile calls `valueQuantity` in its path."""
    return next((one for one in parent.children if one.endswith("[x]") and name.startswith(one[:-3])), None)


def _hang(sliced: Branch, branch: Branch) -> None:
    """Hang a slice under its element, a re-slice (`a/b`) under its slice."""
    _narrow(branch)
    outer = branch.slice_name.rpartition("/")[0]
    if outer:
        for slice_ in _all(sliced):
            if slice_.slice_name == outer:
                slice_.slices.append(branch)
                return
    sliced.slices.append(branch)


def _narrow(branch: Branch) -> None:
    """A slice of a choice that is called as a type of it (`valueQuantity`) is of that type alone."""
    stem = branch.element["path"].rpartition(".")[2]
    types = branch.element.get("type", ())
    if stem.endswith("[x]") and len(types) > 1:
        own = [one for one in types if choice_key(stem[:-3], one.get("code", "?")) == branch.slice_name]
        if own:
            branch.element = {**branch.element, "type": own}


def _all(branch: Branch) -> list[Branch]:
    return [inner for slice_ in branch.slices for inner in (slice_, *_all(slice_))]
