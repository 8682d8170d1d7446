"""Places are found in a text however it says them, and innocent words are left alone."""

import re

import pytest

from service.policy import places

FORMS = {
    "Kotka": "Kotka Kotkan Kotkassa KOTKASTA kotkalainen Kotkaan Kotkasta Kotkakin Kotka-Karhula",
    "Turku": "Turku Turun Turussa Turkuun turkulaisia",
    "Lahti": "Lahti Lahden Lahdessa Lahteen lahtelainen",
    "Salo": "Salo Salon Salossa Saloon",
    "Joroinen": "Joroinen Joroisten Joroisissa",
    "Kiuruvesi": "Kiuruvesi Kiuruveden Kiuruvedellä Kiuruveteen",
    "Suonenjoki": "Suonenjoki Suonenjoen Suonenjoella",
    "Hanko": "Hanko Hangossa Hankoon",
    "Kaavi": "Kaavi Kaavin Kaavilla Kaaville",
    "Tervo": "Tervo Tervossa Tervon",
    "Rautalampi": "Rautalampi Rautalammin Rautalammella",
    "Pyhtää": "Pyhtää Pyhtään Pyhtäällä",
    "Varkaus": "Varkaus Varkauden Varkaudessa Varkauteen",
    "Iisalmi": "Iisalmi Iisalmen Iisalmelle",
    "Leppävirta": "Leppävirta Leppävirran Leppävirralla",
    "Lieto": "Lieto Liedon Liedossa",
    "Loppi": "Loppi Lopen Lopella",
    "Helsinki": "Helsinki Helsingin Helsingissä Helsinkiin",
    "Ii": "Ii Iin Iissä",
    "Kemi": "Kemi Kemin Kemissä",
    "Fredrikshamn": "Fredrikshamn Fredrikshamns",
    "Rantakatu": "Rantakatu Rantakadun Rantakadulla",
    "Puijon neuvola": "Puijon neuvola|Puijon neuvolassa|PUIJON  NEUVOLAN",
}
INNOCENT = {
    "Salo": "salaa sali salainen",
    "Kaavi": "kaavio kaava",
    "Tervo": "terve tervetuloa tervehdys",
    "Kotka": "koti kotona kotiin kota",
    "Turku": "turvassa turha turvallinen",
    "Lahti": "lahja lahjakas",
    "Kemi": "kemia keminen",
    "Loppi": "lopulta loppu lopetti",
    "Ii": "iisi iittala",
}


@pytest.mark.parametrize(
    ("name", "form"),
    [(name, form) for name, forms in FORMS.items() for form in (forms.split("|") if "|" in forms else forms.split())],
)
def test_a_place_in_any_case(name: str, form: str) -> None:
    assert re.search(places.name(name), places.plain(f"Perhe muutti, {form}. Nyt")), places.name(name)


@pytest.mark.parametrize(("name", "word"), [(name, one) for name, words in INNOCENT.items() for one in words.split()])
def test_an_innocent_word(name: str, word: str) -> None:
    assert not re.search(places.name(name), places.plain(f"on {word} nyt"))


@pytest.mark.parametrize(
    "text",
    [
        "Ko\u00adtkassa", "K\u200botkassa", "Ｋｏｔｋａｓｓａ", "KOTKASSA", "Kotkas\u200csa", "&#75;otkassa",
        "%4Botkassa", "Kot-\nkassa", "Kot\u2010\nkassa",
    ],
)  # fmt: skip
def test_a_place_in_any_disguise(text: str) -> None:
    pattern = re.compile(places.name("Kotka"))
    assert any(pattern.search(one) for one in places.variants(text)), list(places.variants(text))


def test_a_decomposed_letter_is_the_letter() -> None:
    assert re.search(places.name("Pyhtää"), places.plain("Pyhta\u0308a\u0308lla\u0308"))


@pytest.mark.parametrize(
    "text",
    [
        "040 123 4567", "0401234567", "040-123 4567", "040-1234567", "(040) 123 4567", "+358 40 1234567",
        "+358401234567", "00358 40 123 4567", "+358 (0)40 123 4567", "040.123.4567", "０４０ １２３ ４５６７",
        "040\u00a0123\u00a04567", "p. 040/1234567",
    ],
)  # fmt: skip
def test_a_number_in_any_spelling(text: str) -> None:
    secret = places.national("040 123 4567")
    assert any(secret in run for run in places.numbers(places.plain(f"Soita: {text} illalla")))


def test_a_number_is_no_date_and_no_short_word() -> None:
    assert places.national("112") == "" and places.national("1.2.") == ""
    assert not any("401234567" in one for one in places.numbers(places.plain("17.9.2025 klo 12.30, 4 kertaa")))


@pytest.mark.parametrize("text", ["48600", "48 600", "FI-48600"])
def test_a_postal_code(text: str) -> None:
    assert re.search(places.postal_code("48600"), places.plain(f"({text})"))
    assert not re.search(places.postal_code("48600"), places.plain(f"a{text}b 148600 486001"))


@pytest.mark.parametrize("said", ["", "  ", "koulu", "Päiväkoti", "x", "12"])
def test_what_names_no_place(said: str) -> None:
    assert places.name(said) == ""


def test_a_street() -> None:
    every = places.pattern(places.street("Suojakatu 12 B 5"))
    assert every is not None
    for text in ("Suojakatu 12 B 5", "suojakadulla", "asuu Suojakatu 12:ssa"):
        assert every.search(places.plain(text))
    assert not every.search(places.plain("suojaisa paikka"))


@pytest.mark.parametrize("weird", ["((((", "a|b", "[", "\\", "a+", "Ääkkönen)", "中", "😀", "…", "--", "(.)"])
def test_whatever_a_name_is_the_pattern_is_one(weird: str) -> None:
    for made in (places.name(weird * 3), places.literal(weird * 3), *places.street(f"{weird} katu 1")):
        re.compile(made)
