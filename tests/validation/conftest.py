"""What the tests of the validator share."""

import pytest

from service.validation import Validator
from tests.validation.kit import plain


@pytest.fixture(scope="session")
def validator() -> Validator:
    return plain()
