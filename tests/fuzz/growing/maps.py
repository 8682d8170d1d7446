"""What may grow in a map and in what it is run on."""

from collections.abc import Callable
from typing import Any

from service.fhir.definitions import core
from service.mapping import Shapes, compile_maps, parse_map
from service.mapping.structuremap import to_resource
from service.mapping.structuremap_read import from_resource
from tests.fuzz.growing.base import Growth, Work


def fml(text: Callable[[int], str], source: Callable[[int], Any] = lambda _: {"a": [1]}) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        given, value = text(size), source(size)

        def work() -> None:
            found, _ = parse_map(given, "x.map")
            if found is not None:
                compiled, _ = compile_maps([found], [Shapes(core().structure)])
                if compiled is not None:
                    compiled.run(value)

        return work

    return make


def _extends(other: int, count: int) -> str:
    return f" extends A{other}" if other < count else ""


def rules(*lines: str) -> str:
    return "group A(source s, target t) {\n" + "\n".join(lines) + "\n}"


def running(text: str, source: Callable[[int], Any], traced: bool = False) -> Callable[[int], Work]:
    found, issues = parse_map(text, "x.map")
    assert found is not None, [one.text() for one in issues]
    compiled, issues = compile_maps([found])
    assert compiled is not None, [one.text() for one in issues]

    def make(size: int) -> Work:
        value = source(size)
        return lambda: compiled.run_traced(value) if traced else compiled.run(value)

    return make


def resourced(size: int) -> Work:
    found, _ = parse_map(rules(*(f"s.a{i} as v -> t.b{i} = v;" for i in range(size))), "x.map")
    assert found is not None
    return lambda: from_resource(to_resource(found))


COPY = rules("s.a as x -> t.b = x;")
INNER = rules("s.a as x -> t.b as y then { x.c as z -> y.d = (z & 'x'); };")
JOIN = rules("s.a as x, s.b as y where (y = x) -> t.c = y;")
MAPS = [
    Growth("fml: rules", 100, fml(lambda n: rules(*(f"s.a{i} as v -> t.b{i} = v;" for i in range(n))))),
    Growth(
        "fml: groups",
        100,
        fml(lambda n: "\n".join(f"group A{i}(source s, target t) {{ s.a as v -> t.b = v; }}" for i in range(n))),
    ),
    Growth(
        "fml: groups that call the next",
        100,
        fml(
            lambda n: "\n".join(
                f"group A{i}(source s, target t) {{ s.a as v -> t.b as w then A{i + 1 if i + 1 < n else 0}(v, w); }}"
                for i in range(n)
            )
        ),
    ),
    Growth(
        "fml: groups that extend the next",
        50,
        fml(
            lambda n: "\n".join(
                f"group A{i}(source s, target t){_extends(i + 1, n)} {{ s.a as v -> t.b{i} = v; }}" for i in range(n)
            )
        ),
    ),
    Growth("fml: unknown groups", 100, fml(lambda n: rules(*(f"s.a as v then B{i}(v, t);" for i in range(n))))),
    Growth(
        "fml: nesting",
        5,
        fml(
            lambda n: rules(
                "s.a as v0 then {"
                + "".join(f"v{i}.a as v{i + 1} then {{" for i in range(min(n, 55)))
                + f"v{min(n, 55)}.b as w -> t.c = w;"
                + "};" * min(n + 1, 56)
            )
        ),
    ),
    Growth(
        "fml: sources of a rule",
        50,
        fml(lambda n: rules(", ".join(f"s.a{i} as v{i}" for i in range(n)) + " -> t.c = v0;")),
    ),
    Growth(
        "fml: targets of a rule",
        50,
        fml(lambda n: rules("s.a as v -> " + ", ".join(f"t.c{i} = v" for i in range(n)) + ";")),
    ),
    Growth(
        "fml: constants",
        100,
        fml(lambda n: "\n".join(f"let c{i} = 'x';" for i in range(n)) + rules("s.a as v -> t.b = (%c1);")),
    ),
    Growth(
        "fml: constants of constants",
        50,
        fml(
            lambda n: (
                "let c0 = 'x';"
                + "\n".join(f"let c{i + 1} = %c{i} & 'x';" for i in range(n))
                + rules(f"s.a as v -> t.b = (%c{n});")
            )
        ),
    ),
    Growth(
        "fml: constants that double",
        4,
        fml(
            lambda n: (
                "let c0 = 'x';"
                + "\n".join(f"let c{i + 1} = %c{i} & %c{i};" for i in range(min(n, 500)))
                + rules(f"s.a as v -> t.b = (%c{min(n, 500)});")
            )
        ),
    ),
    Growth(
        "fml: rows of a concept map",
        200,
        fml(
            lambda n: (
                'conceptmap "#m" {\nprefix s = "a"\nprefix t = "b"\n'
                + "\n".join(f"s:a{i} == t:b{i}" for i in range(n))
                + "\n}"
                + rules("s.a as v -> t.b = translate(v, '#m', 'code');")
            )
        ),
    ),
    Growth(
        "fml: prefixes",
        100,
        fml(
            lambda n: (
                'conceptmap "#m" {\n'
                + "\n".join(f'prefix s{i} = "a{i}"' for i in range(n))
                + "\n"
                + "\n".join(f"s{i}:a == s{i}:b" for i in range(n))
                + "\n}"
                + rules("s.a as v -> t.b = v;")
            )
        ),
    ),
    Growth(
        "fml: structures",
        100,
        fml(
            lambda n: (
                "\n".join(f'uses "http://x/{i}" alias X{i} as source' for i in range(n)) + rules("s.a as v -> t.b = v;")
            )
        ),
    ),
    Growth(
        "fml: metadata",
        200,
        fml(lambda n: "\n".join(f"/// a{i} = 'x'" for i in range(n)) + "\n" + rules("s.a as v -> t.b = v;")),
    ),
    Growth("fml: open triple quotes", 200, fml(lambda n: '/// a = """x\n' * n + rules("s.a as v -> t.b = v;"))),
    Growth("fml: an open quote with escapes", 1000, fml(lambda n: "'" + r"\'" * n)),
    Growth("fml: an open double quote with escapes", 1000, fml(lambda n: '"' + r"\"" * n)),
    Growth("fml: open backticks", 1000, fml(lambda n: "`" + r"\`" * n)),
    Growth("fml: backslashes", 1000, fml(lambda n: "'" + "\\" * n)),
    Growth("fml: open comments", 1000, fml(lambda n: "/" + "*/" * n)),
    Growth("fml: comments", 500, fml(lambda n: "// x\n" * n + rules("s.a as v -> t.b = v;"))),
    Growth("fml: white space", 5000, fml(lambda n: " " * n + "\n" * n + "x")),
    Growth("fml: stray characters", 1000, fml(lambda n: " \u00e4" * n)),
    Growth("fml: many wrong rules", 300, fml(lambda n: rules(*("s.a ->;" for i in range(n))))),
    Growth("fml: words on one line", 2000, fml(lambda n: "group " * n)),
    Growth("fml: open braces", 1000, fml(lambda n: "group A(source s, target t) {" * n)),
    Growth("fml: parentheses", 500, fml(lambda n: rules("s.a as v -> t.b = " + "(" * n + "1" + ")" * n + ";"))),
    Growth("fml: quotes in parentheses", 500, fml(lambda n: rules("s.a as v -> t.b = (" + "'(' & " * n + "'');"))),
    Growth("fml: digits", 500, fml(lambda n: rules(f"s.a as v -> t.b = {'1' * n};"))),
    Growth(
        "fml: a long condition",
        200,
        fml(lambda n: rules("s.a as v where (" + " or ".join(f"a = '{i}'" for i in range(n)) + ") -> t.b = v;")),
    ),
    Growth("fml: rules as a StructureMap", 100, resourced),
    Growth("fml: run, items copied", 2000, running(COPY, lambda n: {"a": [str(i) for i in range(n)]})),
    Growth("fml: run, objects", 500, running(INNER, lambda n: {"a": [{"c": str(i)} for i in range(n)]})),
    Growth("fml: run traced", 500, running(INNER, lambda n: {"a": [{"c": str(i)} for i in range(n)]}, traced=True)),
    Growth(
        "fml: run, a join",
        100,
        running(JOIN, lambda n: {"a": [str(i) for i in range(n)], "b": [str(i) for i in range(n)]}),
        "a rule with two sources runs for every pair: that is what FML says it means",
    ),
]
