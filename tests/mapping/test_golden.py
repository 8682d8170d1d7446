"""The cases that travel with the mappings (`yhdessa mappings test`): each gives the Bundle that is kept with it."""

import pytest

from service.cli.cases import Case, cases, run
from service.config import TEST_KEY
from service.pipeline import Converter
from service.print.face import narrative

CONVERTER = Converter.load(key=TEST_KEY.encode(), narrator=narrative)


@pytest.mark.parametrize("case", list(cases(CONVERTER.catalogue.variants.values())), ids=lambda case: case.name)
def test_case(case: Case) -> None:
    outcome = run(CONVERTER, case)
    assert outcome.differences == (), "rewrite with `yhdessa mappings test --write` and read the difference"
    assert outcome.passed
