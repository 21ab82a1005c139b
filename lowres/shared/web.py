"""Asking web servers: sizes, small answers, and downloads that go on where they broke off."""

import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from lowres.data import files
from lowres.data.connections import Redirects, opener
from lowres.data.files import LASTING, first_line, receive, unwritable
from lowres.errors import DataError, Problem
from lowres.shared.addresses import require_public

NOT_THERE = (403, 404, 410)
_BREAKS = (OSError, http.client.HTTPException, ValueError)


class Missing(DataError):
    """A server has no such file."""


class _Public(Redirects):
    """Follows redirects as long as they stay encrypted and on the public web."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:  # fmt: skip
        """Refuse a redirect to anything else."""
        require_public(newurl, f"{req.full_url} leads to it, and it ")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, path: Path, most: int) -> None:
    """Download an address to a new file of at most so many bytes. Raises Missing or DataError.

    Where the connection breaks, it goes on from there, as often as anything comes.
    """
    require_public(url)
    failures, had = 0, 0
    while True:
        time.sleep(failures * files.PAUSE_SECONDS)
        try:
            return receive(url, path, _Public, most)
        except urllib.error.HTTPError as error:
            failures += 1
            if error.code in LASTING or failures == files.ATTEMPTS:
                raise _refused(url, error) from error
        except _BREAKS as error:
            if getattr(error, "errno", None) in files.UNWRITABLE:
                raise DataError(unwritable(path, error)) from error
            have = path.stat().st_size if path.exists() else 0
            failures, had = (1, have) if have > had else (failures + 1, had)
            if failures == files.ATTEMPTS:
                raise _unreachable(url, error) from error


def size_of(url: str) -> int | None:
    """The size of what lies at an address; -1 where the server does not say it, None where nothing lies there."""
    require_public(url)
    request = urllib.request.Request(
        url, headers={"User-Agent": "lowres", "Accept-Encoding": "identity"}, method="HEAD"
    )
    try:
        with opener(_Public).open(request, timeout=files.TIMEOUT_SECONDS) as answer:
            length = answer.headers.get("Content-Length", "")
            return int(length) if length.isdecimal() else -1
    except urllib.error.HTTPError as error:
        if error.code in NOT_THERE:
            return None
        raise _refused(url, error) from error
    except _BREAKS as error:
        raise _unreachable(url, error) from error


def answer_of(url: str, accept: str, most: int = 1 << 16) -> str:
    """A short answer of a server, as text. Raises Missing or DataError."""
    require_public(url)
    request = urllib.request.Request(url, headers={"User-Agent": "lowres", "Accept": accept})
    try:
        with opener(_Public).open(request, timeout=files.TIMEOUT_SECONDS) as answer:
            return _body(answer, most).decode(errors="replace")
    except urllib.error.HTTPError as error:
        raise _refused(url, error) from error
    except _BREAKS as error:
        raise _unreachable(url, error) from error


def _body(answer: http.client.HTTPResponse, most: int) -> bytes:
    """What an answer holds, at most so many bytes. Raises TimeoutError where it comes too slowly."""
    found, until = b"", time.monotonic() + files.SLOW_SECONDS
    while len(found) < most and (block := answer.read1(most - len(found))):
        found += block
        if time.monotonic() > until:
            raise TimeoutError(f"the answer did not come within {files.SLOW_SECONDS:g} seconds")
    return found


def _refused(url: str, error: urllib.error.HTTPError) -> DataError:
    kind = Missing if error.code in NOT_THERE else DataError
    return kind(
        Problem(
            url, f"the server answers {error.code} {error.reason}", "is the address right, and may everybody read it?"
        )
    )


def _unreachable(url: str, error: BaseException) -> DataError:
    return DataError(
        Problem(url, f"cannot be reached: {first_line(error)}", "is the network up, and the address right?")
    )
