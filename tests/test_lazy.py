"""Packages that load their names when they are asked for: every name is there, and no other."""

import importlib

import pytest

PACKAGES = ("service.fhir.path", "service.mapping", "service.validation")


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_can_be_loaded(name: str) -> None:
    package = importlib.import_module(name)
    assert set(package._HOMES) == set(package.__all__)
    for one in package.__all__:
        home = importlib.import_module(f"{name}.{package._HOMES[one]}")
        assert getattr(package, one) is getattr(home, one)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_name_that_is_not_there_is_an_ordinary_error(name: str) -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = importlib.import_module(name).nonsense
