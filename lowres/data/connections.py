"""Connections to servers that nobody knows: on the public internet alone, each has to begin its answer in time, and what stands
beside a redirect is not read.
"""

import http.client
import socket
import threading
import urllib.request
from ipaddress import ip_address
from typing import IO, Any

PUBLIC_ALONE = True  # but for tests, whose servers are here
HEAD_SECONDS = 60.0  # for status and headers together; a timeout alone begins anew with every byte


class _Connection(http.client.HTTPSConnection):
    """Goes to a public address, whatever a name leads to, and waits a limited time in all for status and headers."""

    def connect(self) -> None:
        """Raises OSError, before anything is sent, where the name is that of a machine here or in this network."""
        if not self._tunnel_host:  # else a proxy of the user's choice asks, which may be here
            self._create_connection = _public
        super().connect()

    def getresponse(self) -> http.client.HTTPResponse:
        """The answer, its body still to be read. Raises TimeoutError where its head does not come in time."""
        late = threading.Event()

        def hang_up() -> None:
            late.set()
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # whoever waits for a byte reads the end

        timer = threading.Timer(HEAD_SECONDS, hang_up)
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()
            if late.is_set():  # a head that ends early looks like a whole one
                raise TimeoutError(f"the head of the answer did not come within {HEAD_SECONDS:g} seconds")


def _public(place: tuple[str, int], *more: Any) -> socket.socket:
    """A connection to a host of the public internet."""
    made = socket.create_connection(place, *more)
    address = str(made.getpeername()[0])
    if PUBLIC_ALONE and not ip_address(address).is_global:
        made.close()
        raise OSError(f"{place[0]} leads to {address}, which is not an address of the public internet")
    return made


class _Handler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open a connection of our kind."""
        return self.do_open(_Connection, req)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects without reading what a server sends beside them, which urllib would read to its end, if it has one."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:  # fmt: skip
        """The request for the new address."""
        fp.close()
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener(follow: type[Redirects]) -> urllib.request.OpenerDirector:
    """What asks servers; `follow` says which redirects are followed."""
    return urllib.request.build_opener(_Handler, follow)
