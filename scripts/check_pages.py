#!/usr/bin/env python3
"""Opens pages in headless Chromium, at the width of a desk and of a telephone, light and dark: no console error, nothing wider
than the window, no picture that fails, no words out of sight beside the page, panels and numbers in line, frames where mistakes are.

    python3 scripts/check_pages.py [--shots FOLDER] PAGE...      exit 1 where a page has a fault

Needs Debian's `chromium` (scripts/setup.sh --tests) and nothing else: the browser is spoken to through a pipe."""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTHS = (1200, 400)
SCHEMES = ("light", "dark")

# What sticks out: elements beyond the right edge that stand in nothing that scrolls. And what a reader stumbles over.
LOOK = """(() => {
  const wide = [], edge = document.documentElement.clientWidth;
  const scrolls = e => { for (; e && e !== document.body; e = e.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX)) return true; return false; };
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (box.width > 0 && box.right > edge + 1 && !scrolls(e.parentElement)) wide.push(e.tagName + ' ' + e.textContent.trim().slice(0, 40));
  }
  const said = e => e.textContent.trim().slice(0, 40), faults = [];
  for (const grid of document.querySelectorAll('.grid')) {
    const boxes = [...grid.children].map(e => e.getBoundingClientRect());
    if (boxes.some((box, i) => i > 0 && box.left > boxes[i - 1].right && Math.abs(box.top - boxes[i - 1].top) > 1))
      faults.push('panels of one row begin at different heights: ' + said(grid));
  }
  for (const row of document.querySelectorAll('tbody tr')) if (row.children.length > 2) for (const cell of [...row.children].slice(1))
    if (/^[-+]?[0-9][0-9.,]*( ?%)?$/.test(cell.textContent.trim()) && getComputedStyle(cell).textAlign !== 'right')
      faults.push('a number on the left of its column: ' + said(row));
  for (const title of document.querySelectorAll('h2')) {
    if (!/^(Mistakes|Gained|Lost)$/.test(title.textContent.trim())) continue;
    let frames = 0, shown = 0;
    for (let e = title.nextElementSibling; e && e.tagName !== 'H2'; e = e.nextElementSibling) {
      frames += (e.matches('img') ? 1 : 0) + e.querySelectorAll('img').length;
      shown += e.textContent.trim().length;
    }
    if (shown > 400 && frames === 0) faults.push('no frame under ' + title.textContent);
  }
  const broken = [...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.alt.slice(0, 40));
  return JSON.stringify({page: document.documentElement.scrollWidth, edge, wide: wide.slice(0, 5), broken, faults: faults.slice(0, 5),
                         height: document.documentElement.scrollHeight, title: document.title});
})()"""


class Browser:
    """Chromium's DevTools protocol: JSON messages that end with a zero byte, through two pipes."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="pages-")
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        def place():
            os.dup2(to_browser, 13), os.dup2(from_browser, 14)
            os.dup2(13, 3), os.dup2(14, 4)
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [program, "--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-dev-shm-usage", *sandbox,
             "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "about:blank"],
            pass_fds=(3, 4), preexec_fn=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser), os.close(from_browser)
        self.out, self.inp = ours_out, ours_in
        self.number, self.buffer, self.events = 0, b"", []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.buffer:
            part = os.read(self.inp, 1 << 16)
            if not part:
                raise RuntimeError("the browser went away")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        order = {"id": self.number, "method": method, "params": parameters}
        if hasattr(self, "session"):
            order["sessionId"] = self.session
        data = json.dumps(order).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        while True:
            reply = self.message()
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]
            self.events.append(reply)

    def until(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.message())

    def close(self):
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


def complaints(events):
    for event in events:
        details = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            yield "exception: " + details["exceptionDetails"]["text"]
        if event.get("method") == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning", "assert"):
            yield "console: " + " ".join(str(a.get("value", "")) for a in details["args"])
        if event.get("method") == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning"):
            yield "log: " + details["entry"]["text"]
        if event.get("method") == "Network.requestWillBeSent" and details["request"]["url"].startswith("http"):
            yield "fetches " + details["request"]["url"]


def look(browser, page, width, scheme, shot):
    browser.events.clear()
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Page.navigate", url=page.resolve().as_uri())
    browser.until("Page.loadEventFired")
    browser.call("Runtime.evaluate", expression="document.querySelectorAll('details').forEach(d => d.open = true)")
    seen = json.loads(browser.call("Runtime.evaluate", expression=LOOK)["result"]["value"])
    faults = list(complaints(browser.events))
    if seen["page"] > seen["edge"]:
        faults.append(f"{seen['page']} pixels wide")
    faults += [f"sticks out: {what}" for what in seen["wide"]] + [f"broken picture: {alt}" for alt in seen["broken"]]
    faults += seen["faults"]
    if page.stem == "ask" and width == max(WIDTHS) and seen["height"] > 1400:
        faults.append(f"{seen['height']} pixels high: the frames do not stand side by side")
    if not seen["title"]:
        faults.append("no title")
    if shot:
        clip = {"x": 0, "y": 0, "width": width, "height": min(seen["height"], 12000), "scale": 1}
        picture = browser.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        shot.write_bytes(base64.b64decode(picture))
    return faults


def main(arguments):
    shots = None
    if arguments[:1] == ["--shots"]:
        shots, arguments = Path(arguments[1]), arguments[2:]
        shots.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or not arguments:
        print("check_pages: " + ("no page given" if program else "no chromium; fix: apt-get install chromium"), file=sys.stderr)
        return 2 if program else 77
    browser, bad = Browser(program), 0
    for page in map(Path, arguments):
        for width in WIDTHS:
            for scheme in SCHEMES:
                name = f"{page.parent.name}-{page.stem}-{width}-{scheme}.png"
                for fault in look(browser, page, width, scheme, shots and shots / name):
                    print(f"FAULT: {page} at {width} pixels, {scheme}: {fault}")
                    bad += 1
    browser.close()
    print(f"{len(arguments)} pages, {bad} faults")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
