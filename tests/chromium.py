"""Headless Chromium, spoken to over a pair of pipes (its DevTools protocol), so that a test can use a page as a person does."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--lang=en",
)  # fmt: skip


def chromium() -> str | None:
    """Where Chromium or Chrome is, if it is there."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """A page of the browser. `requests` holds the address of everything that it has asked for."""

    def __init__(self, to: int, back: int) -> None:
        self.to, self.back, self.number, self.session, self.rest = to, back, 0, "", b""
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Network.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol, and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        os.write(self.to, json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        while (answer := self._read()).get("id") != self.number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self, seconds: float = 60) -> Any:
        while b"\0" not in self.rest:
            assert select.select([self.back], [], [], seconds)[0], "the browser says nothing"
            self.rest += os.read(self.back, 1 << 20)
        line, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(line)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message

    def open(self, address: str, width: int = 1100, height: int = 900) -> None:
        """Load an address in a window of this size; narrow ones are phones."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Page.navigate", url=address)

    def ask(self, script: str) -> Any:
        """The value of an expression of JavaScript."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str, seconds: float = 60) -> None:
        """Wait until an expression is true of the page."""
        end = time.monotonic() + seconds
        while not self.ask(f"!!({script})"):
            assert time.monotonic() < end, f"never came true: {script}\n{self.ask('document.body.innerText')}"
            time.sleep(0.1)

    def write(self, field: str, text: str) -> None:
        """Write into the field that this expression names, in place of what stands there."""
        self.until(field)
        self.ask(f"{field}.focus(); {field}.select()")
        self.call("Input.insertText", text=text)
        self.until(f"{field}.value === {json.dumps(text)}")

    def press(self, thing: str) -> None:
        """Click what this expression names."""
        self.until(thing)
        self.ask(f"{thing}.click()")

    def picture(self, path: Path) -> None:
        """Write a screenshot of the whole page."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def browser(profile: Path, *switches: str) -> Iterator[Page]:
    """A browser with an empty profile, and a page in it."""
    (read, to), (back, write) = ([_high(end) for end in os.pipe()] for _ in range(2))

    def hand_over() -> None:
        os.dup2(read, 3)
        os.dup2(write, 4)

    command = [str(chromium()), *SWITCHES, *switches, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
    process = subprocess.Popen(command, close_fds=False, preexec_fn=hand_over, stderr=subprocess.DEVNULL)
    os.close(read)
    os.close(write)
    try:
        yield Page(to, back)
    finally:
        process.terminate()
        process.wait(timeout=30)
        os.close(to)
        os.close(back)


def _high(end: int) -> int:
    """The same end of a pipe under a number that is not one of those that Chromium reads and writes."""
    other = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(end)
    return other
