"""A receiver that empties a bucket."""

from dataclasses import replace
from typing import Any

from service.deliver.receivers.file_drop import FileDrop
from service.deliver.settings import read
from tests.deliver.shipments import ABC, shipment, withdrawal
from tests.deliver.test_file_drop import deliver
from tests.shared import ROOT

EXAMPLE = read(ROOT / "receivers" / "early-education-s3.toml")


def test_into_a_bucket(s3: tuple[str, dict[str, Any]]) -> None:
    url, drop = s3
    one = FileDrop(replace(EXAMPLE, url=url, options=EXAMPLE.options | {"drop": drop}))
    assert deliver(one, shipment(ABC)) == "stored"
    assert deliver(one, shipment(ABC)) == "there already"
    with one.connect() as session:
        assert len(session.list()) == 3
        assert [found.key for found in one.check(session)] == ["receivers.drop-reachable"]
        assert deliver(one, withdrawal(ABC)) == "stored"
        assert [name.rpartition(".")[0].rpartition(".")[2] for name in session.list()] == ["withdrawal"]
