"""Any regular expression and any text (a NUL between them): an answer or a refusal, and soon."""

from random import Random

from service.fhir.path import PathError
from service.fhir.path.patterns import covers, found_in, replaced
from tests.fuzz.kit import told
from tests.fuzz.mutation import text_mutant

KEYS = ("fhirpath.pattern", "fhirpath.pattern-costly", "fhirpath.too-long")
WORDS = (
    *(
        "(",
        ")",
        "(?:",
        "(?=",
        "(?!",
        "(?<=",
        "(?<a>",
        r"\k<a>",
        r"\1",
        "|",
        "*",
        "+",
        "?",
        "{2,}",
        "{1,99}",
        "*?",
        "*+",
    ),
    *("[", "]", "[^a]", "[a-z]", ".", "^", "$", r"\b", r"\w", r"\D", r"\s", r"\p{L}", r"\u00e4", r"\x41", "(a|aa)+"),
    *("(a+)+", "(.*)*", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "!", "\x00", "(?i)", "(?#x)", "(?>a)", "(?P<b>", "ä"),
)


def seeds() -> list[bytes]:
    pairs = (
        ("(a+)+$", "a" * 60 + "!"),
        ("^(a|a)*$", "a" * 60 + "!"),
        ("(.*a){20}$", "a" * 60 + "!"),
        (r"^[A-Z]([A-Za-z0-9_]){0,254}$", "Name_1"),
        (r"(?<year>\d{4})-(?:\d\d)", "2026-01"),
        (r"^(?!urn:).*$", "http://x"),
        (r"((a{0,50}){0,50}){0,50}b", "a" * 50),
        (r"^\s*(\S+\s*)*$", "a b c " * 20),
    )
    return [f"{pattern}\0{text}".encode() for pattern, text in pairs]


def mutate(data: bytes, rng: Random) -> bytes:
    return text_mutant(data, rng, WORDS)


def once(data: bytes) -> None:
    pattern, _, text = data.decode("utf-8", "replace").partition("\0")
    for ask in (found_in, covers, lambda one, other: replaced(one, other, "<$0>")):
        try:
            ask(text, pattern)
        except PathError as error:
            assert error.issue.key in KEYS
            told([error.issue])


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("patterns")
