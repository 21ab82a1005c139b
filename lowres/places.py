"""Where files are looked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Where files are looked for: relative paths in `near` (the folder of the recipe), downloads in `cache` and in the user's
    `mirrors`; with `offline` the network is never used.
    """

    near: Path
    cache: Path
    mirrors: Sequence[Path] = ()
    offline: bool = False


def is_public(host: str) -> bool:
    """Whether a host is one of the public internet, as far as its name tells: not this machine, and not its network."""
    host = host.rstrip(".").lower()
    try:
        return ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]
        number = last.isdigit() or last.startswith("0x")  # another way to write an address, such as 127.1
        return "." in host and not number and last not in ("localhost", "local", "internal")
