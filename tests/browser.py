"""Headless Chromium for tests of pages: what it lays out, says on its console and asks the network for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--virtual-time-budget=4000",
)

_PROBE: Final = """<!DOCTYPE html><body><pre id="out"></pre>
<iframe id="f" src="{address}" width="{width}" height="800"></iframe>
<script>
document.getElementById('f').onload = () => {{
  const view = document.getElementById('f').contentWindow, page = view.document;
  const box = e => {{ const r = e.getBoundingClientRect(); return [r.width, r.height]; }};
  document.getElementById('out').textContent = JSON.stringify({{
    scroll: page.documentElement.scrollWidth, client: page.documentElement.clientWidth,
    formulas: [...page.querySelectorAll('math')].map(box), pictures: [...page.querySelectorAll('svg')].map(box),
    scripts: page.querySelectorAll('script').length, handlers: [...page.querySelectorAll('*')].filter(
      e => [...e.attributes].some(a => a.name.startsWith('on'))).length,
    links: [...page.querySelectorAll('[src], [href]')].map(e => e.getAttribute('src') || e.getAttribute('href')),
    ids: [...page.querySelectorAll('[id]')].map(e => e.id), title: page.title, text: page.body.innerText,
    requests: view.performance.getEntriesByType('resource').map(e => e.name),
    touched: view.touched === undefined ? null : view.touched }});
}};
</script>"""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page looks like to a browser at one width, and what it did."""

    layout: dict[str, Any]
    console: list[str]


def visit(page: Path, scratch: Path, width: int) -> Visit:
    """Open `page` in a frame of `width` pixels."""
    probe = scratch / "probe.html"
    probe.write_text(_PROBE.format(address=page.resolve().as_uri(), width=width), encoding="utf-8")
    done = subprocess.run(
        [str(CHROMIUM), *_FLAGS, f"--user-data-dir={scratch / 'profile'}", "--dump-dom",
         probe.resolve().as_uri()],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[:500]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Visit(json.loads(unescape(found[1])), console)


def printed(page: Path, scratch: Path) -> bytes:
    """The page as a PDF."""
    target = scratch / "page.pdf"
    subprocess.run(
        [str(CHROMIUM), *_FLAGS, f"--user-data-dir={scratch / 'profile'}", f"--print-to-pdf={target}",
         page.resolve().as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return target.read_bytes()
