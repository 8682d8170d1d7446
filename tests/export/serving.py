"""A bulk client of a few lines, for a service that runs."""

import json
import time
import urllib.request
from typing import Any

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Bulk:
    """Asks a service on this machine; no token is needed there."""

    def __init__(self, base: str) -> None:
        self.base = base

    def fill(self, many: int) -> None:
        """Put some patients there."""
        for first in range(0, many, 100):
            entries = [
                {
                    "resource": {"resourceType": "Patient", "id": f"p{number}", "birthDate": "2019-05-30"},
                    "request": {"method": "PUT", "url": f"Patient/p{number}"},
                }
                for number in range(first, min(first + 100, many))
            ]
            body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
            self._open(f"{self.base}/fhir", body, {"Content-Type": "application/fhir+json"}).read()

    def begin(self, path: str) -> str:
        """The address at which to ask how far it is."""
        headers = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
        return str(self._open(f"{self.base}{path}", None, headers).headers["Content-Location"])

    def wait(self, place: str, patience: float = 120) -> dict[str, Any]:
        """The manifest, once it is there."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            answer = self._open(place, None, {"Accept": "application/json"})
            if answer.status == 200:
                found: dict[str, Any] = json.loads(answer.read())
                return found
            time.sleep(int(answer.headers["Retry-After"]))
        raise TimeoutError(place)

    def download(self, manifest: dict[str, Any]) -> dict[str, bytes]:
        """Every file by its name."""
        urls = [one["url"] for one in (*manifest["output"], *manifest["deleted"], *manifest["error"])]
        path = [url.partition("/export/")[2] for url in urls]
        return {one.partition("/")[2]: self._open(f"{self.base}/export/{one}", None, {}).read() for one in path}

    def _open(self, url: str, body: bytes | None, headers: dict[str, str]) -> Any:
        return _opener.open(urllib.request.Request(url, body, headers), timeout=60)
