"""`GET /metrics`: what an operator watches, for Prometheus. Numbers only, nothing of anybody.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import functools
import os
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from service.api.caller import caller
from service.api.context import store
from service.api.errors import refused
from service.deliver.backlog import Backlog
from service.issues import Issue
from service.store import Store
from service.store.tables import audit_head, document, resource

REGISTRY = CollectorRegistry()
REQUESTS = Counter("yhdessa_requests", "Requests answered.", ("method", "route", "status"), registry=REGISTRY)
SECONDS = Histogram("yhdessa_request_seconds", "Time to answer.", ("method", "route"), registry=REGISTRY)
DOCUMENTS = Counter("yhdessa_documents", "Source documents by what became of them.", ("status",), registry=REGISTRY)
FINDINGS = Counter("yhdessa_findings", "Findings by kind and severity.", ("key", "severity"), registry=REGISTRY)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    # How much is kept here is not everybody's business.
    if caller().role != "admin":
        raise refused("auth.scope", needed="admin")
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = generate_latest(registry)
    else:
        text = generate_latest(REGISTRY)
    sizes = CollectorRegistry()
    sizes.register(_Sizes(store()))
    sizes.register(Backlog(store().database, store().clock))
    return Response(text + generate_latest(sizes), content_type=CONTENT_TYPE_LATEST)


def count(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    requests, times = _of(method if method in _METHODS else "other", route, status)
    requests.inc()
    times.observe(seconds)


@functools.cache
def _of(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(method, route)


def count_document(status: str, issues: Iterable[Issue]) -> None:
    """Count a source document and what was found in it."""
    _documents(status).inc()
    for one in issues:
        _findings(one.key, one.severity).inc()


@functools.cache
def _documents(status: str) -> Counter:
    return DOCUMENTS.labels(status)


@functools.cache
def _findings(key: str, severity: str) -> Counter:
    return FINDINGS.labels(key, severity)


class _Sizes(Collector):
    """How much the store holds."""

    def __init__(self, kept: Store) -> None:
        self._store = kept

    def collect(self) -> Iterator[Metric]:
        resources = GaugeMetricFamily("yhdessa_resources", "Resources that are not deleted.", labels=("type",))
        with self._store.database.read() as connection:
            by_type = select(resource.c.type, func.count()).where(resource.c.deleted == 0).group_by(resource.c.type)
            for name, number in connection.execute(by_type):
                resources.add_metric([name], number)
            documents = connection.execute(select(func.count()).select_from(document)).scalar_one()
            entries = connection.execute(select(func.coalesce(func.max(audit_head.c.seq), 0))).scalar_one()
        yield resources
        yield GaugeMetricFamily("yhdessa_kept_documents", "Source documents.", value=documents)
        yield GaugeMetricFamily("yhdessa_use_log_rows", "Rows of the use log.", value=entries)
