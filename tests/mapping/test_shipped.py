"""The maps that travel with the program are not checked at every start: they are checked here."""

import pytest

from service.pipeline import Converter


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter.load(key=b"a key for tests only, 32 bytes..")


@pytest.mark.parametrize("name", ["base", "yhdessa-aika", "yhdessa-tiimi"])
def test_every_rule_is_right(converter: Converter, name: str) -> None:
    compiled = converter.catalogue.variants[name].compiled
    assert compiled.check() == []
    compiled.warm()
    assert compiled.fields_used


@pytest.mark.parametrize("name", ["base", "yhdessa-aika", "yhdessa-tiimi"])
def test_every_kind_of_document_has_its_group(converter: Converter, name: str) -> None:
    variant = converter.catalogue.variants[name]
    groups = [*variant.entry.values(), *variant.inbound.values()]
    assert groups
    assert [one for one in groups if not variant.compiled.has(one)] == []


def test_no_shipped_variant_is_forgotten(converter: Converter) -> None:
    assert set(converter.catalogue.variants) == {"base", "yhdessa-aika", "yhdessa-tiimi"}
