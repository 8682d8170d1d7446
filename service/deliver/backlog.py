"""What is open, how old it is and how each receiver does, for Prometheus: read from the database when asked for.

https://prometheus.io/docs/practices/naming/
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.store import circuits, outbox
from service.store.engine import Database
from service.store.values import micros


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
