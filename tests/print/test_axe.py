"""The HTML page is accessible by axe-core's rules, in headless Chromium.

Needs `chromium` on the path and axe-core: `npm install axe-core`, then `YHDESSA_AXE=node_modules/axe-core/axe.min.js`.
https://github.com/dequelabs/axe-core
"""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from service.print import printed
from tests.print.conftest import NOW, PLANS, bundle

pytestmark = pytest.mark.slow
RUN = """<pre id="axe-result"></pre><script>
axe.run(document, {resultTypes: ["violations", "incomplete"]}).then(found => {
  document.getElementById("axe-result").textContent = JSON.stringify({
    violations: found.violations.map(one => [one.id, one.nodes.map(node => node.html)]),
    incomplete: found.incomplete.map(one => one.id), passes: found.passes.length});
});
</script>"""


@pytest.fixture(scope="module")
def axe() -> str:
    given = os.environ.get("YHDESSA_AXE")
    if not given:
        pytest.skip("axe-core is not here: npm install axe-core, and set YHDESSA_AXE to its axe.min.js")
    return Path(given).read_text("utf-8")


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on the path")
    return found


def _judged(page: str, axe: str, browser: str, folder: Path) -> dict[str, Any]:
    # The page itself lets no script run; the checker has to.
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    file = folder / "page.html"
    file.write_text(bare.replace("</body>", f"<script>{axe}</script>{RUN}</body>"), "utf-8")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=30000", "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = re.search(r'<pre id="axe-result">(.+?)</pre>', done.stdout, re.DOTALL)
    assert said is not None, done.stderr[-500:]
    found: dict[str, Any] = json.loads(html.unescape(said[1]))
    return found


@pytest.mark.parametrize("child", [False, True])
@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_pages_are_clean(
    name: str, plan: str, language: str, child: bool, axe: str, browser: str, tmp_path: Path
) -> None:
    page = printed(bundle(name), plan, language=language, format="html", child=child, copy_of="x", now=NOW).decode()
    found = _judged(page, axe, browser, tmp_path)
    assert found["violations"] == []
    assert found["incomplete"] == []
    assert found["passes"] > 15


def test_the_checker_sees_what_is_wrong(axe: str, browser: str, tmp_path: Path) -> None:
    found = _judged(
        "<html><body><p style='color:#ccc;background:#fff'>some words</p></body></html>", axe, browser, tmp_path
    )
    assert {"color-contrast", "html-has-lang"} <= {name for name, _ in found["violations"]}
