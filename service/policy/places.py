"""Words that give a place away, in whatever spelling and case a text has them.

Finnish place names inflect (Kotka, Kotkassa; Turku, Turussa; Lahti, Lahdessa) and make other words (kotkalainen), so a
name is looked for by its stems, in both grades. A long stem matches whatever follows it; a short one only its endings,
or every text about secrets (salaa) would be about Salo. What this cannot find is told in docs/policy.md.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

# Names of the municipalities by their numbers (Pohjois-Savo, Kymenlaakso), with the Swedish ones that differ.
MUNICIPALITIES = {
    "140": "Iisalmi Idensalmi", "171": "Joroinen Jorois", "174": "Juankoski", "204": "Kaavi", "239": "Keitele",
    "263": "Kiuruvesi", "297": "Kuopio", "402": "Lapinlahti", "420": "Leppävirta", "595": "Pielavesi",
    "686": "Rautalampi", "687": "Rautavaara", "749": "Siilinjärvi", "762": "Sonkajärvi", "778": "Suonenjoki",
    "844": "Tervo", "857": "Tuusniemi", "915": "Varkaus", "921": "Vesanto", "925": "Vieremä",
    "075": "Hamina Fredrikshamn", "285": "Kotka Karhula", "286": "Kouvola", "489": "Miehikkälä",
    "624": "Pyhtää Pyttis", "935": "Virolahti Vederlax",
}  # fmt: skip
COUNTIES = {"10": "Kymenlaakso Kymmenedalen", "13": "Pohjois-Savo Norra-Savolax"}
MUNICIPALITY = "urn:oid:1.2.246.537.6.21"
# Names that say what a place is and not where: a text may say these.
_COMMON = frozenset({
    "päiväkoti", "varhaiskasvatus", "koulu", "esikoulu", "neuvola", "perheneuvola", "perhekeskus", "terveysasema",
    "terveyskeskus", "sosiaalitoimisto", "kirjasto", "koti", "daghem", "dagis", "skola", "rådgivning", "familjecenter",
    "hälsostation", "daycare", "school", "clinic",
})  # fmt: skip
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_SPACES = re.compile(r"\s+")
_VOWELS = "aeiouyåäö"
# The endings of words with a, o or u in them, and of all others.
_BACK = r"n|t|a|na|ssa|sta|lla|lta|lle|ksi|tta|h[iuoa]n|seen|in|en|s|ns|la[iu]\w*"
_FRONT = r"n|t|ä|nä|ssä|stä|llä|ltä|lle|ksi|ttä|h[iyöäe]n|seen|in|en|s|ns|lä[iy]\w*"
_CLITICS = "(?:kin|kaan|kään|ko|kö|han|hän|pa|pä)?"
# The weak grade of what a stem ends in; the longest ending first.
_WEAK = (
    ("kk", "k"), ("pp", "p"), ("tt", "t"), ("nk", "ng"), ("mp", "mm"), ("lt", "ll"), ("nt", "nn"), ("rt", "rr"),
    ("ht", "hd"), ("lk", "l"), ("rk", "r"), ("hk", "h"), ("lp", "lv"), ("rp", "rv"),
)  # fmt: skip
_LONG = 5
# A name of one or two letters is an abbreviation, but for one municipality.
_SHORTEST = 3
_SHORT_TOWNS = ("ii",)


def plain(text: str) -> str:
    """A text as it is compared: one case, one form of each character, one space between words, nothing invisible."""
    text = html.unescape(text) if "&" in text else text
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _SPACES.sub(" ", _DASHES.sub("-", unicodedata.normalize("NFC", text)))


def variants(text: str) -> Iterator[str]:
    """The same text in every way that it may be read: as it is, unescaped, and with the words of two lines joined."""
    yield plain(text)
    if "%" in text:
        yield plain(unquote(text))
    if "\n" in text:
        joined = re.sub(r"[-\u00ad\u2010]\s*\n\s*", "", text)
        if joined != text:
            yield plain(joined)


def name(said: str) -> str:
    """The pattern of a place name in any case (of a language), over `plain` texts; empty where there is none."""
    words = plain(said).strip().split(" ")
    last = words[-1]
    short = len(words) == 1 and len(last) < _SHORTEST and last not in _SHORT_TOWNS
    if not last or short or said.strip(" -.").isdigit() or (len(words) == 1 and last in _COMMON):
        return ""
    before = "".join(f"{re.escape(one)} " for one in words[:-1])
    return f"(?<!\\w){before}(?:{'|'.join(_inflected(last))})"


def _inflected(word: str) -> Iterator[str]:
    letters = word.strip("().,;:!?\"'")
    if not letters or letters[-1] not in _VOWELS + "snlrt" or not letters[-1].isalpha():
        yield re.escape(word) + r"(?!\w)"
        return
    vowel = letters[-1] if letters[-1] in _VOWELS else ""
    endings = _BACK if any(one in "aouå" for one in letters) else _FRONT
    for weak, stem in _stems(letters):
        if len(stem) >= _LONG:
            yield re.escape(stem) + r"\w*"
        elif vowel:
            # The i of a stem becomes e (Lahti, Lahdessa); a vowel may be long (Saloon).
            between = "[ie]{1,2}" if vowel == "i" else f"{vowel}{{1,2}}"
            yield f"{re.escape(stem)}{between}(?:{endings}){'' if weak else '?'}{_CLITICS}(?!\\w)"
        else:
            yield f"{re.escape(letters)}(?:i?(?:{endings}))?{_CLITICS}(?!\\w)"


def _stems(word: str) -> Iterator[tuple[bool, str]]:
    """The stems of a word, and whether each is in the weak grade."""
    if word.endswith("nen") and len(word) > len("nen"):
        yield False, word[:-3]
        return
    stem = word[:-1]
    yield False, stem
    if word.endswith("si"):
        yield False, word[:-2] + "te"
        yield True, word[:-2] + "d"
    if word[-1] not in _VOWELS:
        return
    for strong, weak in _WEAK:
        if stem.endswith(strong):
            yield True, stem[: -len(strong)] + weak
            return
    before = stem[-2:-1]
    if stem[-1:] in "kpt" and before in _VOWELS and before:
        yield True, stem[:-1] + {"k": "", "p": "v", "t": "d"}[stem[-1]]


def literal(said: str) -> str:
    """The pattern of a text as it stands; short ones (`2 B`) would be found in innocent words."""
    text = plain(said).strip()
    return f"(?<!\\w){re.escape(text)}(?!\\w)" if len(text) >= 4 and text not in _COMMON else ""


def street(line: str) -> Iterator[str]:
    """The patterns of an address line: the street by its name, and the line as a whole."""
    yield literal(line)
    before = re.split(r"\s+\d", line)[0].strip()
    if before != line.strip() and len(before) >= 4:
        yield name(before)


def postal_code(code: str) -> str:
    """The pattern of a postal code, with or without spaces."""
    digits = re.sub(r"\W", "", plain(code))
    spaced = r"\s?".join(map(re.escape, digits))
    return rf"(?<!\w){spaced}(?!\w)" if len(digits) >= 4 else ""


def national(number: str) -> str:
    """A phone number's digits without what may be before them (0, +358, 00358); empty where it is too short for one."""
    text = plain(number)
    digits = re.sub(r"\D", "", text.replace("(0)", ""))
    for prefix in ("00358", "358", "0"):
        if digits.startswith(prefix) and (prefix != "358" or "+" in text or len(digits) > 10):
            digits = digits.removeprefix(prefix).removeprefix("0")
            break
    return digits if len(digits) >= 5 else ""


_RUN = re.compile(r"\+?\d(?:[\s\-./()–]{0,3}\d){4,}")


def numbers(text: str) -> Iterator[str]:
    """The runs of digits in a `plain` text that could be phone numbers, as digits only."""
    for found in _RUN.finditer(text):
        yield re.sub(r"\D", "", found[0].replace("(0)", ""))


def pattern(parts: Iterable[str]) -> re.Pattern[str] | None:
    """All patterns as one; None where there are none."""
    every = sorted({one for one in parts if one})
    return re.compile("|".join(every)) if every else None
