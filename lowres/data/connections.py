"""Connections to servers that nobody knows: on the public internet alone, each has to begin its answer in time, and what stands
beside a redirect is not read.
"""

import http.client
import socket
import threading
import urllib.request
from collections.abc import Mapping
from ipaddress import ip_address
from typing import IO

PUBLIC_ALONE = True  # but for tests, whose servers are here
HEAD_SECONDS = 60.0  # for status and headers together; a timeout alone begins anew with every byte


class _Connection(http.client.HTTPSConnection):
    """Asks a public address alone, whatever a name leads to, and waits a limited time in all for status and headers."""

    by_proxy = False

    def set_tunnel(self, host: str, port: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Let a proxy of the user's choice ask, which may be a machine of this network."""
        self.by_proxy = True
        super().set_tunnel(host, port, headers)

    def connect(self) -> None:
        """Raises OSError, before anything is asked, where the name is that of a machine here or in this network."""
        super().connect()
        address = str(self.sock.getpeername()[0])
        if PUBLIC_ALONE and not self.by_proxy and not ip_address(address).is_global:
            self.close()
            raise OSError(f"{self.host} leads to {address}, which is not an address of the public internet")

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
