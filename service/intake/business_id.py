"""The Finnish business id (Y-tunnus) and its check digit: weighted digits modulo 11."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2)


def right(digits: str) -> bool:
    """Whether eight digits (no hyphen) are a business id: the last one checks the others."""
    rest = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False)) % 11
    return rest != 1 and int(digits[7]) == (11 - rest if rest else 0)
