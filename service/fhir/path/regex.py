"""A regular expression as a tree and as an automaton that reads every character once.

Python's `re` backtracks: some patterns take time exponential in the text. Here is what tells them apart, and what
answers for them in linear time (Thompson's construction). The language is about that of I-Regexp
(https://www.rfc-editor.org/rfc/rfc9485) with anchors; lazy repetition changes no yes or no.
"""

import re
from dataclasses import dataclass

_ATOM = re.compile(
    r"""
      (?P<cls>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<anchor>[\^$]|\\[bBAZz])
    | (?P<back>\\[1-9]|\(\?P=[A-Za-z_][A-Za-z0-9_]*\))
    | (?P<look>\(\?(?:=|!|<=|<!|>))
    | (?P<open>\((?:\?(?::|P?<[A-Za-z_][A-Za-z0-9_]*>))?)
    | (?P<bad>\(\?)
    | (?P<close>\))
    | (?P<bar>\|)
    | (?P<count>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})[?+]?)
    | (?P<char>\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.)
    """,
    re.VERBOSE | re.DOTALL,
)
MAX_STATES = 4_000
MAX_NESTING = 50
MAX_WAYS = 1 << 40


class Irregular(ValueError):
    """The pattern has back-references, looks around or is possessive, or is too large for an automaton."""


@dataclass(frozen=True, slots=True)
class Char:
    """One character: a literal, an escape or a class, as written."""

    source: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place, not a character."""

    source: str


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` times (`None`: any number)."""

    body: "Tree"
    least: int
    most: int | None


Tree = Char | Anchor | Sequence | Choice | Repeat


def tree(pattern: str, *, exact: bool) -> Tree:
    """The tree of a pattern that `re` accepts.

    `exact`: it says what the pattern matches, and is `Irregular` where no automaton can do that; otherwise it is good
    enough to tell what the pattern may cost.
    """
    reader = _Reader(pattern, exact)
    found = reader.choice(0)
    if reader.at != len(pattern):
        raise Irregular(pattern)
    return found


class _Reader:
    def __init__(self, pattern: str, exact: bool) -> None:
        self.pattern = pattern
        self.exact = exact
        self.at = 0

    def choice(self, depth: int) -> Tree:
        if depth > MAX_NESTING:
            raise Irregular(self.pattern)
        options: list[Tree] = []
        parts: list[Tree] = []
        while (match := _ATOM.match(self.pattern, self.at)) is not None and match.lastgroup != "close":
            kind = match.lastgroup
            self.at = match.end()
            possessive = kind == "count" and match[0].endswith("+") and match[0] != "+"
            if kind == "bad" or (self.exact and (kind in ("back", "look") or possessive)):
                raise Irregular(self.pattern)
            if kind == "back":
                parts.append(Repeat(Char("."), 0, None))
            elif kind in ("open", "look"):
                parts.append(self.choice(depth + 1))
                self.at += 1
            elif kind == "bar":
                options.append(Sequence(tuple(parts)))
                parts = []
            elif kind == "count":
                if not parts:
                    raise Irregular(self.pattern)
                parts.append(_repeat(parts.pop(), match[0]))
            else:
                parts.append(Anchor(match[0]) if kind == "anchor" else Char(match[0]))
        last = Sequence(tuple(parts))
        return Choice((*options, last)) if options else last


def _repeat(body: Tree, count: str) -> Repeat:
    if count[0] in "*+?":
        return Repeat(body, int(count[0] == "+"), 1 if count[0] == "?" else None)
    least, comma, most = count[1 : count.index("}")].partition(",")
    return Repeat(body, int(least), (int(most) if most else None) if comma else int(least))


def explosive(node: Tree) -> bool:
    """Whether backtracking might take exponential time: something open is repeated many times."""
    match node:
        case Sequence(parts=parts) | Choice(options=parts):
            return any(explosive(part) for part in parts)
        case Repeat(body=body, most=most):
            return explosive(body) or (most != 1 and _open(body))
    return False


def _open(node: Tree) -> bool:
    """Whether `node` can match one text in more than one way, or texts of several lengths."""
    match node:
        case Choice():
            return True
        case Repeat(body=body, least=least, most=most):
            return least != most or _open(body)
        case Sequence(parts=parts):
            return not parts or any(_open(part) for part in parts)
    return isinstance(node, Anchor)


def degree(node: Tree) -> int:
    """How many repetitions of open length stand in the pattern: the power of the text's length in the time."""
    match node:
        case Sequence(parts=parts) | Choice(options=parts):
            return sum(degree(part) for part in parts)
        case Repeat(body=body, least=least, most=most):
            return degree(body) + int(most is None or most - least > 3)
    return 0


def ways(node: Tree) -> int:
    """How many ways through the choices and the optional parts of the pattern backtracking may try, not counting
    what `degree` counts: twenty times `a?` are a million."""
    match node:
        case Sequence(parts=parts):
            found = 1
            for part in parts:
                found = min(found * ways(part), MAX_WAYS)
            return found
        case Choice(options=options):
            each = [ways(option) for option in options]
            return max(each) if _tell_apart(options) else min(sum(each), MAX_WAYS)
        case Repeat(body=body, least=least, most=most):
            return min(ways(body) * (1 if most is None or most - least > 3 else most - least + 1), MAX_WAYS)
    return 1


def _tell_apart(options: tuple[Tree, ...]) -> bool:
    """Whether the first character of a text says which of the options it can be."""
    firsts = [part.parts[0] if isinstance(part, Sequence) and part.parts else part for part in options]
    plain = {one.source.lower() for one in firsts if isinstance(one, Char) and one.source.isalnum()}
    return len(plain) == len(options)


class Automaton:
    """States and moves; sets of states and the moves between them are made as a text needs them, and kept."""

    def __init__(self, pattern: str, flags: re.RegexFlag) -> None:
        self.flags = flags
        self.built = 0
        self.chars: list[re.Pattern[str] | None] = []  # what a state reads, None where it reads nothing
        self.anchors: list[str | None] = []
        self.nexts: list[tuple[int, ...]] = []
        self.accept = self._state()
        self.start = self._build(tree(pattern, exact=True), self.accept)
        self.closures: dict[tuple[frozenset[int], tuple[bool, bool, bool]], frozenset[int]] = {}
        self.moves: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    @property
    def size(self) -> int:
        return len(self.nexts)

    def _state(self, *nexts: int, char: str | None = None, anchor: str | None = None) -> int:
        if len(self.nexts) >= MAX_STATES:
            raise Irregular
        self.chars.append(None if char is None else re.compile(char, self.flags))
        self.anchors.append(anchor)
        self.nexts.append(nexts)
        return len(self.nexts) - 1

    def _build(self, node: Tree, after: int) -> int:
        """The state that reads `node` and goes on to `after`."""
        self.built += 1
        if self.built > 10 * MAX_STATES:
            raise Irregular
        match node:
            case Char(source=source):
                return self._state(after, char=source)
            case Anchor(source=source):
                return self._state(after, anchor=source)
            case Sequence(parts=parts):
                for part in reversed(parts):
                    after = self._build(part, after)
                return after
            case Choice(options=options):
                return self._state(*[self._build(option, after) for option in options])
            case Repeat(body=body, least=least, most=most):
                return self._repeat(body, least, most, after)

    def _repeat(self, body: Tree, least: int, most: int | None, after: int) -> int:
        if most is None:
            loop = self._state(after)
            self.nexts[loop] = (self._build(body, loop), after)
            after = loop
        else:
            if most > MAX_STATES:
                raise Irregular
            for _ in range(most - least):
                after = self._state(self._build(body, after), after)
        if least > MAX_STATES:
            raise Irregular
        for _ in range(least):
            after = self._build(body, after)
        return after

    def matches(self, text: str, whole: bool) -> bool:
        """Whether the pattern is found in `text`, or (`whole`) covers it."""
        first = frozenset((self.start,))
        states = first
        size = len(text)
        for at in range(size + 1):
            closure = self._closure(states, _surroundings(text, at))
            if self.accept in closure and (not whole or at == size):
                return True
            if at == size:
                return False
            states = self._move(closure, text[at])
            if not whole:
                states |= first
            elif not states:
                return False
        return False

    def _closure(self, states: frozenset[int], where: tuple[bool, bool, bool]) -> frozenset[int]:
        known = self.closures.get((states, where))
        if known is not None:
            return known
        seen: set[int] = set()
        stack = list(states)
        while stack:
            state = stack.pop()
            if state in seen:
                continue
            seen.add(state)
            if self.chars[state] is None and _holds(self.anchors[state], where):
                stack.extend(self.nexts[state])
        found = frozenset(one for one in seen if self.chars[one] is not None or one == self.accept)
        if len(self.closures) > 5_000:
            self.closures.clear()
        self.closures[states, where] = found
        return found

    def _move(self, states: frozenset[int], char: str) -> frozenset[int]:
        known = self.moves.get((states, char))
        if known is not None:
            return known
        found: set[int] = set()
        for state in states:
            reads = self.chars[state]
            if reads is not None and reads.fullmatch(char):
                found.update(self.nexts[state])
        if len(self.moves) > 20_000:
            self.moves.clear()
        self.moves[states, char] = frozenset(found)
        return self.moves[states, char]


def _surroundings(text: str, at: int) -> tuple[bool, bool, bool]:
    """At the start, at the end, between a word and what is none."""
    size = len(text)
    before = at > 0 and _is_word(text[at - 1])
    after = at < size and _is_word(text[at])
    return at == 0, at == size or (at == size - 1 and text[at] == "\n"), before is not after


def _is_word(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalnum())


def _holds(anchor: str | None, where: tuple[bool, bool, bool]) -> bool:
    start, end, border = where
    match anchor:
        case None:
            return True
        case "^" | r"\A":
            return start
        case r"\b":
            return border
        case r"\B":
            return not border
    return end
