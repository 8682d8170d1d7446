"""What mapping costs: our compiled maps against Python by hand, JSONata and another FML engine, and stage by stage.

Every figure is the best of interleaved repeats in one run, so that the ratios hold on a busy machine too.
"""

import copy
import gc
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from bench import reduced
from bench.handwritten import shared_plan
from service import assets
from service.fhir.json import encode, parse
from service.intake.check import check
from service.intake.keyed import keyed
from service.mapping.bundle import assembled
from service.pipeline import OURS, Converter, digest

BAR = 3.0
LINEAR = 2.0
"""How much more one measure may cost from 100 to 1000 than from 10 to 100."""
COUNTS = (1, 10, 100, 1000)
TURN = 0.005
"""Seconds."""
KEY = b"a key for benchmarks only, 32 b."
PROCESSING = {"activityStyle": "detail", "sourceHash": "0" * 64, "mappingSet": "base", "mappingHash": "0" * 64}
PLAN = "aika-shared-plan-measures-abc"
CASE = "tiimi-case-moved-meeting"

Work = Callable[[], object]


def interleaved(works: Mapping[str, Work], seconds: float = 2.0) -> dict[str, float]:
    """The best time of one call of each, in microseconds, taking turns of a few milliseconds for about `seconds`."""
    best = dict.fromkeys(works, float("inf"))
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, work in works.items():
            turn = time.perf_counter() + TURN
            while (start := time.perf_counter()) < turn:
                work()
                best[name] = min(best[name], time.perf_counter() - start)
    return {name: one * 1e6 for name, one in best.items()}


def example(name: str) -> Any:
    """An example document."""
    return parse(text(name))


def text(name: str) -> bytes:
    return (assets.schemas() / "source" / "examples" / f"{name}.json").read_bytes()


def mapped(converter: Converter, document: Any) -> Work:
    """The mapping of a document that is keyed already."""
    variant = converter.catalogue.variants["base"]
    made, group = keyed(document, KEY, processing=PROCESSING), variant.entry[document["kind"]]
    return lambda: variant.compiled.run(made, group=group).target


def against_hand(converter: Converter) -> bool:
    """A whole shared plan; true where the bar is missed."""
    document = example(PLAN)
    made = keyed(document, KEY, processing=PROCESSING)
    ours = mapped(converter, document)
    assert ours() == shared_plan(made)
    found = interleaved({"by hand": lambda: shared_plan(made), "ours": ours})
    count = len(shared_plan(made)["entry"])
    print(f"A shared plan, {count} resources:")
    _table(found, "by hand", {"by hand": "hand-written Python", "ours": f"our FML, compiled (bar {BAR} ×)"})
    return found["ours"] > BAR * found["by hand"]


def against_others() -> None:
    """A part of a plan that the others can map as well."""
    works: dict[str, Work] = {
        "by hand": lambda: reduced.by_hand(reduced.SOURCE),
        "ours": reduced.ours(),
    }
    labels = {"by hand": "hand-written Python", "ours": "our FML, compiled"}
    for name, make in (("jsonata", reduced.jsonata), ("fhircraft", reduced.fhircraft)):
        start = time.perf_counter()
        try:
            works[name] = make()
        except ImportError:
            print(f"({name} is not installed: left out)")
            continue
        labels[name] = reduced.LABELS[name].format(seconds=time.perf_counter() - start)
    for name, work in works.items():
        assert work() == reduced.EXPECTED, name
    print("The activities of a plan with 10 measures, the part that every one of them can map:")
    _table(interleaved(works, 4.0), "by hand", labels)


def stages(converter: Converter) -> None:
    """Where the time of one case goes."""
    raw = text(CASE)
    document = parse(raw)
    made = keyed(document, KEY, processing=PROCESSING)
    run = mapped(converter, document)
    target: Any = run()
    bundle = assembled(target)[0]
    found = interleaved(
        {
            "parse": lambda: parse(raw),
            "check": lambda: check(document),
            "key": lambda: keyed(document, KEY, processing=PROCESSING),
            "hash": lambda: digest(document),
            "map": run,
            "assemble": lambda: assembled(target),
            "validate": lambda: converter.validator.validate(bundle, options=OURS),
            "encode": lambda: encode(bundle),
        },
        4.0,
    )
    assert made["kind"] == "case"
    whole = sum(found.values())
    print(f"A case, {len(raw)} bytes, {len(bundle['entry'])} resources, stage by stage:")
    for name, one in found.items():
        print(f"  {name:32}{one:10.0f} µs{one / whole:8.0%}")
    print(f"  {'check + key + map':32}{found['check'] + found['key'] + found['map']:10.0f} µs")
    print(f"  {'all':32}{whole:10.0f} µs\n")


def growth(converter: Converter) -> bool:
    """The cost with 1 to 1000 measures; true where it grows faster than they do."""
    works: dict[str, Work] = {}
    for count in COUNTS:
        document = with_measures(count)
        raw = encode(document)
        run = mapped(converter, document)
        bundle = assembled(run())[0]  # type: ignore[arg-type]
        works |= {
            f"{count} intake": lambda raw=raw: check(parse(raw)),  # type: ignore[misc]
            f"{count} key": lambda document=document: keyed(document, KEY, processing=PROCESSING),  # type: ignore[misc]
            f"{count} map": run,
            f"{count} validate": lambda bundle=bundle: converter.validator.validate(bundle, options=OURS),  # type: ignore[misc]
            f"{count} encode": lambda bundle=bundle: encode(bundle),  # type: ignore[misc]
        }
    found = interleaved(works, 8.0)
    print("A plan with 1 to 1000 measures (µs), and what one more costs from 10 to 100 and from 100 to 1000:")
    print(f"  {'':10}{1:>9}{10:>9}{100:>9}{1000:>9}{'10→100':>10}{'100→1000':>10}{'ratio':>8}")
    stages = ("intake", "key", "map", "validate", "encode")
    rows = {stage: [found[f"{count} {stage}"] for count in COUNTS] for stage in stages}
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    for stage, costs in rows.items():
        few, many = (costs[2] - costs[1]) / 90, (costs[3] - costs[2]) / 900
        print(f"  {stage:10}" + "".join(f"{one:9.0f}" for one in costs) + f"{few:10.1f}{many:10.1f}{many / few:8.2f}")
    print(f"  linear where the ratio is about 1 (bar {LINEAR})\n")
    return many > LINEAR * few


def with_measures(count: int) -> Any:
    """The example plan with that many measures."""
    document = copy.deepcopy(example(PLAN))
    measures = document["plan"]["measures"]
    document["plan"]["measures"] = [
        {**copy.deepcopy(measures[number % len(measures)]), "id": f"m{number}"} for number in range(count)
    ]
    return document


def _table(found: Mapping[str, float], one: str, labels: Mapping[str, str]) -> None:
    for name, cost in found.items():
        print(f"  {labels[name]:56}{cost:10.0f} µs{cost / found[one]:9.2f} ×")
    print()


def main() -> bool:
    """Print the tables; true where a bar is missed."""
    converter = Converter.load(key=KEY)
    gc.freeze()  # As the service does: what is loaded is not looked through for garbage.
    missed = against_hand(converter)
    with warnings.catch_warnings(action="ignore"):
        against_others()
    stages(converter)
    missed |= growth(converter)
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
