"""Where an extension stands, in the words of extension contexts: `Patient.contact.name`, `HumanName`, `Element`.

https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from service.fhir.path import Model
from service.validation.run import At, Run, element

Place = tuple[str, ...]  # a resource type and the JSON keys from it to the element that holds the extension


def place_of(at: At, run: Run) -> Place:
    """The place of the object that holds the extension at `at`, from the resource that is being walked."""
    names: list[str] = []
    holder = at[0][0] if at is not None else None
    while holder is not None and holder is not run.place:
        holder, step = holder
        if isinstance(step, str):
            names.append(step)
    resource_type = run.resource.get("resourceType") if isinstance(run.resource, dict) else None
    return (str(resource_type or "Resource"), *reversed(names))


def element_ids(place: Place, model: Model) -> frozenset[str]:
    """Everything that an extension context may call the element at `place`."""
    type_name: str | None = place[0]
    paths = {place[0]}
    names: set[str] = set()
    for key in place[1:]:
        key = key.removeprefix("_")
        roots = paths | ({type_name} if type_name else set())
        name, type_name = element(model, type_name, key)
        forms = {name, key, name + "[x]"} if name != key else {name}
        paths = {f"{root}.{form}" for root in roots for form in forms}
    current: str | None = type_name
    while current:
        names.add(current)
        current = model.base(current)
    return frozenset(paths | names)
