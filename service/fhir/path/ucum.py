"""A useful part of UCUM: prefixes, the base units, common derived, customary and clinical units, products and powers.

https://ucum.org/ucum
"""

import functools
import re
from dataclasses import dataclass
from fractions import Fraction

# metre, second, gram, radian, kelvin, coulomb, candela: the base units of UCUM.
_BASE = ("m", "s", "g", "rad", "K", "C", "cd")
Dimension = tuple[int, ...]
_NONE: Dimension = (0,) * len(_BASE)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit is `factor` times the base units to the powers `dimension`, and `offset` above their zero (Cel)."""

    factor: Fraction
    dimension: Dimension
    offset: bool = False


_PREFIXES = {
    "Y": 24,
    "Z": 21,
    "E": 18,
    "P": 15,
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "h": 2,
    "da": 1,
    "d": -1,
    "c": -2,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
    "a": -18,
    "z": -21,
    "y": -24,
}
_PI = Fraction("3.1415926535897932384626433832795028841971693993751058209749445923")
# code: (factor, of which units); the metric ones take prefixes.
_METRIC = {
    "mol": ("602213670000000000000000", "1"),
    "sr": ("1", "rad2"),
    "Hz": ("1", "s-1"),
    "N": ("1", "kg.m/s2"),
    "Pa": ("1", "N/m2"),
    "J": ("1", "N.m"),
    "W": ("1", "J/s"),
    "A": ("1", "C/s"),
    "V": ("1", "J/C"),
    "F": ("1", "C/V"),
    "Ohm": ("1", "V/A"),
    "S": ("1", "Ohm-1"),
    "Wb": ("1", "V.s"),
    "T": ("1", "Wb/m2"),
    "H": ("1", "Wb/A"),
    "lm": ("1", "cd.sr"),
    "lx": ("1", "lm/m2"),
    "Bq": ("1", "s-1"),
    "Gy": ("1", "J/kg"),
    "Sv": ("1", "J/kg"),
    "l": ("1", "dm3"),
    "L": ("1", "dm3"),
    "ar": ("100", "m2"),
    "t": ("1000", "kg"),
    "bar": ("100000", "Pa"),
    "u": ("1.66053873e-24", "g"),
    "eV": ("1.60217733e-19", "J"),
    "cal": ("4.184", "J"),
    "m[H2O]": ("9.80665", "kPa"),
    "m[Hg]": ("133.322", "kPa"),
    "eq": ("1", "mol"),
    "osm": ("1", "mol"),
    "kat": ("1", "mol/s"),
    "U": ("1", "umol/min"),
    "g%": ("1", "g/dl"),
}
_PLAIN = {
    "min": ("60", "s"),
    "h": ("60", "min"),
    "d": ("24", "h"),
    "wk": ("7", "d"),
    "a": ("365.25", "d"),
    "a_j": ("365.25", "d"),
    "a_g": ("365.2425", "d"),
    "mo": ("1", "mo_j"),
    "mo_j": ("30.4375", "d"),
    "deg": (str(_PI / 180), "rad"),
    "'": ("1/60", "deg"),
    "''": ("1/60", "'"),
    "%": ("0.01", "1"),
    "[ppth]": ("0.001", "1"),
    "[ppm]": ("0.000001", "1"),
    "[in_i]": ("2.54", "cm"),
    "[ft_i]": ("12", "[in_i]"),
    "[yd_i]": ("3", "[ft_i]"),
    "[mi_i]": ("5280", "[ft_i]"),
    "[nmi_i]": ("1852", "m"),
    "[gr]": ("64.79891", "mg"),
    "[lb_av]": ("7000", "[gr]"),
    "[oz_av]": ("1/16", "[lb_av]"),
    "[stone_av]": ("14", "[lb_av]"),
    "[gal_us]": ("231", "[in_i]3"),
    "[qt_us]": ("1/4", "[gal_us]"),
    "[pt_us]": ("1/2", "[qt_us]"),
    "[foz_us]": ("1/16", "[pt_us]"),
    "[tbs_us]": ("1/2", "[foz_us]"),
    "[tsp_us]": ("1/3", "[tbs_us]"),
    "[cup_us]": ("16", "[tbs_us]"),
    "[degF]": ("5/9", "K"),
    "[psi]": ("6894.757293168", "Pa"),
    "atm": ("101325", "Pa"),
    "[Cal]": ("1", "kcal"),
}
# Arbitrary units measure something of their own: [iU] compares with [iU] only.
_ARBITRARY = ("[iU]", "[IU]", "[arb'U]", "[CFU]", "[drp]", "[pH]", "[anti'Xa'U]", "{score}")
_OFFSET = {"Cel": "K", "[degF]": "K"}
_ATOM = re.compile(r"(?P<code>\[[^\]]*\]|10[*^]|[A-Za-z%'_]+(?:\[[^\]]*\])?(?:_[a-z]+)?)(?P<power>[+-]?[0-9]{1,2})?")
_NUMBER = re.compile(r"[0-9]{1,30}")
_ANNOTATION = re.compile(r"\{[^}]*\}")
_MAX_LENGTH = 200


@functools.lru_cache(1024)
def parse(code: str) -> Unit | None:
    """The unit `code`, `None` where this part of UCUM does not know it."""
    if len(code) > _MAX_LENGTH:
        return None
    plain = _ANNOTATION.sub("", code)
    if not plain:
        return Unit(Fraction(1), _NONE) if code else None
    reader = _Reader(plain)
    unit = reader.term(0)
    return unit if reader.at == len(plain) else None


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def term(self, depth: int) -> Unit | None:
        """`component (. component | / component)*`, with a leading `/` for a reciprocal."""
        unit: Unit | None = Unit(Fraction(1), _NONE)
        sign = 1
        if self.text.startswith("/", self.at):
            self.at, sign = self.at + 1, -1
        while unit is not None:
            part = self.component(depth)
            if part is None or depth > 10:
                return None
            unit = part if unit == Unit(Fraction(1), _NONE) and sign == 1 else _times(unit, part, sign)
            mark = self.text[self.at : self.at + 1]
            if mark not in (".", "/") or not mark:
                return unit
            self.at, sign = self.at + 1, 1 if mark == "." else -1
        return None

    def component(self, depth: int) -> Unit | None:
        if self.text.startswith("(", self.at):
            self.at += 1
            inner = self.term(depth + 1)
            if inner is None or not self.text.startswith(")", self.at):
                return None
            self.at += 1
            return inner
        if (atom := _ATOM.match(self.text, self.at)) is not None:
            self.at = atom.end()
            unit = _simple(atom["code"])
            if unit is None or atom["power"] is None:
                return unit
            power = int(atom["power"])
            return Unit(unit.factor**power, tuple(one * power for one in unit.dimension), unit.offset)
        if (number := _NUMBER.match(self.text, self.at)) is not None and int(number[0]):
            self.at = number.end()
            return Unit(Fraction(int(number[0])), _NONE)
        return None


def _times(left: Unit, right: Unit, sign: int) -> Unit:
    factor = left.factor * right.factor if sign == 1 else left.factor / right.factor
    dimension = tuple(one + sign * other for one, other in zip(left.dimension, right.dimension, strict=True))
    return Unit(factor, dimension, left.offset or right.offset)


@functools.cache
def _known(code: str) -> Unit | None:
    if code in _BASE:
        return Unit(Fraction(1), tuple(int(code == base) for base in _BASE))
    if code in _ARBITRARY:
        # Each gets a dimension of its own, far from the powers real units have.
        return Unit(Fraction(1), (1000 * (1 + _ARBITRARY.index(code)), *_NONE[1:]))
    if code in ("10*", "10^"):
        return Unit(Fraction(10), _NONE)
    if code == "Cel":
        return Unit(Fraction(1), tuple(int(base == "K") for base in _BASE), True)
    row = _METRIC.get(code) or _PLAIN.get(code)
    if row is None:
        return None
    unit = parse(row[1])
    return None if unit is None else Unit(unit.factor * Fraction(row[0]), unit.dimension, code in _OFFSET)


def _simple(code: str) -> Unit | None:
    unit = _known(code)
    if unit is not None:
        return unit
    for size in (2, 1):
        prefix, rest = code[:size], code[size:]
        if prefix in _PREFIXES and (rest in _METRIC or rest in _BASE):
            base = _known(rest)
            if base is not None:
                return Unit(base.factor * Fraction(10) ** _PREFIXES[prefix], base.dimension, base.offset)
    return None
