"""FHIR XML to JSON, as far as the definitions among the test cases need it. https://hl7.org/fhir/R4/xml.html"""

from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from service.fhir.definitions import Definitions
from service.validation.types import Outline, own_types

_NUMBERS = {"decimal": Decimal, "integer": int, "positiveInt": int, "unsignedInt": int}


def to_json(text: bytes, definitions: Definitions) -> dict[str, Any]:
    """The resource that an XML document holds."""
    root = ElementTree.fromstring(text)
    name = _local(root.tag)
    return {"resourceType": name, **_object(root, name, definitions)}


def _object(node: ElementTree.Element, path: str, definitions: Definitions) -> dict[str, Any]:
    structure = definitions.structure(path.partition(".")[0])
    assert structure is not None, path
    outline = Outline(structure)
    found: dict[str, Any] = {key: value for key, value in node.attrib.items() if key in ("id", "url")}
    for child in node:
        key = _local(child.tag)
        element, type_name = _element(outline, path, key)
        value = _value(child, element, type_name, definitions)
        if element["max"] not in ("0", "1"):
            found.setdefault(key, []).append(value)
        else:
            found[key] = value
    return found


def _element(outline: Outline, path: str, key: str) -> tuple[dict[str, Any], str]:
    for element in outline.children[path]:
        name = element["path"].rpartition(".")[2]
        if name == key:
            if "contentReference" in element:
                return element, element["contentReference"].rpartition("#")[2]
            kind = own_types(element)[0]
            return element, element["path"] if kind in ("BackboneElement", "Element") else kind
        if name.endswith("[x]") and key.startswith(name[:-3]):
            for kind in own_types(element):
                if key[len(name) - 3 :].lower() == kind.lower():
                    return element, kind
    raise AssertionError(f"{path}.{key}")


def _value(node: ElementTree.Element, element: dict[str, Any], type_name: str, definitions: Definitions) -> Any:
    if definitions.types().get(type_name) != "primitive-type":
        return _object(node, type_name, definitions)
    if type_name == "xhtml":
        return ElementTree.tostring(node, "unicode")
    text = node.attrib["value"]
    if type_name == "boolean":
        return text == "true"
    return _NUMBERS.get(type_name, str)(text)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
