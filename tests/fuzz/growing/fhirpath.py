"""What may grow in FHIRPath: the expression, what it is asked of, a text."""

from collections.abc import Callable
from typing import Any

from service.fhir.path import PathError, evaluate
from tests.fuzz.growing.base import Growth, Work


def path(
    expression: Callable[[int], str], document: Callable[[int], Any] = lambda _: {"a": ["x"]}
) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        text, value = expression(size), document(size)

        def work() -> None:
            evaluate.__globals__["_compiled"].cache_clear()
            evaluate.__globals__["parse"].cache_clear()
            try:
                evaluate(text, value)
            except PathError:
                return

        return work

    return make


def over(expression: str, item: Callable[[int], Any]) -> Callable[[int], Work]:
    return path(lambda _: expression, lambda size: {"a": [item(one) for one in range(size)]})


def texts(expression: str, text: Callable[[int], str]) -> Callable[[int], Work]:
    return path(lambda _: expression, lambda size: {"a": text(size)})


FHIRPATH = [
    Growth("fhirpath: items of a union", 500, path(lambda n: " | ".join(f"'c{i}'" for i in range(n)))),
    Growth("fhirpath: parts of an `and`", 500, path(lambda n: " and ".join(f"a = '{i}'" for i in range(n)))),
    Growth("fhirpath: arguments", 500, path(lambda n: f"coalesce({', '.join('1' * n)})")),
    Growth("fhirpath: a string literal", 5000, path(lambda n: f"'{'x' * n}'")),
    Growth("fhirpath: escapes in a literal", 2500, path(lambda n: "'" + r"\u00e4" * n + "'")),
    Growth("fhirpath: an open quote with escapes", 2500, path(lambda n: "'" + r"\'" * n)),
    Growth("fhirpath: open comments", 2500, path(lambda n: "1 " + "/* " * n)),
    Growth("fhirpath: open backticks", 2500, path(lambda n: "`" + r"\`" * n)),
    Growth("fhirpath: digits of a number", 5000, path(lambda n: "1." + "1" * n + " + 1")),
    Growth("fhirpath: white space", 5000, path(lambda n: " " * n + "1" + "\n" * n)),
    Growth("fhirpath: signs", 1000, path(lambda n: "-" * n + "1")),
    *(
        Growth(f"fhirpath: {expression} of texts", 500, over(expression, lambda i: f"text {i}"))
        for expression in (
            *("a.distinct()", "a.isDistinct()", "a.intersect(a)", "a.exclude(a)", "a.subsetOf(a)", "a = a", "a ~ a"),
            *("a | a", "a.union(a)", "a.where($this in %context.a)", "a.join(',')", "a.repeat($this)", "a.tail()"),
            *("a.combine(a).distinct()", "a.select(length())", "a.all(exists())", "a.aggregate($total + 1, 0)"),
            *("a.skip(2).take(4)", "a.last()", "a.where($index > 3)", "a.select(%context.a.first())", "a.indexOf('x')"),
            *("a.sort()", "a.sort($this)", "a.select(toString() & 'x').distinct()", "a.aggregate($this, '')"),
        )
    ),
    *(
        Growth(f"fhirpath: {expression} of objects", 300, over(expression, lambda i: {"b": [str(i)], "c": {"d": i}}))
        for expression in (
            *("a.distinct()", "a.intersect(a)", "a.exclude(a)", "a.subsetOf(a)", "a = a", "a ~ a", "a | a"),
            *("descendants()", "a.repeat(c)", "a.children()", "a.b.distinct()", "a.where(c.d in %context.a.c.d)"),
        )
    ),
    *(
        Growth(f"fhirpath: {expression} of numbers", 300, over(expression, lambda i: i if i % 2 else float(i)))
        for expression in ("a.distinct()", "a.intersect(a)", "a ~ a", "a | a", "a.sum()", "a.max()")
    ),
    *(
        Growth(
            f"fhirpath: {expression} of dates",
            300,
            over(expression, lambda i: f"{1000 + i % 500}-01-01"),
        )
        for expression in ("a.select(toDate()).distinct()", "a.select(toDate()) ~ a.select(toDate())")
    ),
    Growth(
        "fhirpath: distinct quantities",
        200,
        over("a.select(toQuantity()).distinct()", lambda i: f"{i} 'mg'"),
    ),
    *(
        Growth(f"fhirpath: {expression} on a long text", 20_000, texts(expression, lambda n: "ab " * n))
        for expression in (
            *(
                "a.split(' ').count()",
                "a.replace('a', 'b')",
                "a.toChars().count()",
                "a.upper()",
                "a.trim()",
                "a.length()",
            ),
            *("a.matches('(a+)+$')", "a.matches('^(ab|b| )*$')", "a.matchesFull('[ab ]*')", "a.indexOf('x')"),
            *("a.replaceMatches('a', 'b')", "a.encode('base64')", "a.escape('html')", "a.contains('bb')"),
            *("a.toInteger()", "a.toDateTime()", "a.toQuantity()", "a.lastIndexOf('q')", "a.matches('a.*b.*c')"),
        )
    ),
    Growth("fhirpath: digits made a number", 2000, texts("a.toDecimal()", lambda n: "1" * n)),
    Growth("fhirpath: deep JSON", 10, path(lambda _: "descendants().count()", lambda n: _deep(n))),
]


def _deep(size: int) -> Any:
    node: Any = 1
    for _ in range(min(size, 90)):
        node = {"a": node}
    return {"a": [node] * 10}
