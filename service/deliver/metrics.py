"""What an operator watches of deliveries, for Prometheus. Numbers and names of receivers, nothing of anybody.

https://prometheus.io/docs/practices/naming/
"""

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess

from service.deliver.settling import Confirmed, Failed, Outcome, Settled
from service.deliver.shipments import Stopped
from service.store.outbox import PARKED


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
