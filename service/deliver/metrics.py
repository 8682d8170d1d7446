"""What an operator watches of deliveries, for Prometheus. Numbers and names of receivers, nothing of anybody.

https://prometheus.io/docs/practices/naming/
"""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.deliver.settling import Confirmed, Failed, Outcome, Settled
from service.deliver.shipments import Stopped
from service.store import circuits, outbox
from service.store.engine import Database
from service.store.outbox import PARKED
from service.store.values import micros


class Metrics:
    """Counters of one worker process; those of several add up in the folder that Prometheus' client is told of."""

    def __init__(self) -> None:
        # How many attempts did not end with a delivery.
        self.unfinished = 0
        self.registry = CollectorRegistry()
        labels = ("receiver", "outcome")
        self._deliveries = Counter("yhdessa_deliveries", "Deliveries attempted.", labels, registry=self.registry)
        self._seconds = Histogram(
            "yhdessa_delivery_seconds", "Time that a receiver takes.", ("receiver",), registry=self.registry
        )
        self._lost = Counter(
            "yhdessa_deliveries_lost", "Rows that another worker had taken over.", ("receiver",), registry=self.registry
        )

    def settled(self, receiver: str, outcomes: Iterable[Outcome], settled: Settled) -> None:
        """Count what became of rows."""
        for one in outcomes:
            self._deliveries.labels(receiver, _outcome(one)).inc()
            self.unfinished += isinstance(one, Failed) or (isinstance(one, Stopped) and one.state == PARKED)
        if settled.lost:
            self._lost.labels(receiver).inc(settled.lost)

    def took(self, receiver: str, seconds: float) -> None:
        self._seconds.labels(receiver).observe(seconds)

    def shown(self) -> CollectorRegistry:
        """What to show: of all processes where there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self.registry
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry


def _outcome(one: Outcome) -> str:
    if isinstance(one, Confirmed):
        return "delivered"
    if isinstance(one, Failed):
        return "refused" if one.error.permanent else "failed"
    return one.state


class Backlog(Collector):
    """What is open, how old it is and how each receiver does, read from the database when it is asked for.

    Receivers are shown by their OID: the database knows no names.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily("yhdessa_outbox_rows", "Deliveries that are open.", labels=("receiver", "state"))
        oldest = GaugeMetricFamily("yhdessa_outbox_oldest_seconds", "Age of the oldest.", labels=("receiver", "state"))
        opened = GaugeMetricFamily("yhdessa_circuit_open", "Whether nobody tries it now.", labels=("receiver",))
        done = GaugeMetricFamily("yhdessa_outbox_delivered", "Deliveries confirmed so far.", labels=("receiver",))
        now = micros(self._clock())
        with self._database.read() as connection:
            for one in outbox.backlog(connection):
                rows.add_metric([one.receiver, one.state], one.count)
                oldest.add_metric([one.receiver, one.state], max(0.0, (now - one.oldest) / 1_000_000))
            for state in circuits.everyone(connection):
                opened.add_metric([state.receiver], float(state.is_open))
                done.add_metric([state.receiver], state.delivered)
        yield from (rows, oldest, opened, done)
