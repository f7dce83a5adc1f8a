"""What a node is told at its start, and every limit it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from ledger.encoding import TRANSACTION_BYTES_MAX
from ledger.errors import LedgerError

# -- what one request may be -------------------------------------------------------
ONE_BYTES_MAX: Final = TRANSACTION_BYTES_MAX
MANY_BYTES_MAX: Final = 8 * 1024 * 1024
MANY_MAX: Final = 500
WAIT_S_MAX: Final = 30
PAGE_ITEMS_MAX: Final = 500
PAGE_ITEMS: Final = 100
# Rows looked at for one page; a reader who may see few of them gets a shorter
# page with a cursor, not a longer wait.
PAGE_ROWS_MAX: Final = 20_000

# -- who may keep the node busy ----------------------------------------------------
CONNECTIONS_MAX: Final = 512
REQUEST_S_MAX: Final = 10
KEEP_ALIVE_S: Final = 15
STREAMS_MAX: Final = 128
STREAMS_A_MEMBER_MAX: Final = 8
VERIFYING_MAX: Final = 4_000
WAITING_MAX: Final = 10_000
CALLS_MAX: Final = 256
CALLS_A_MEMBER_MAX: Final = 8

# -- the writer --------------------------------------------------------------------
BLOCK_MAX: Final = 500
# Longest wait for envelopes whose signatures are being verified right now; one
# that comes alone is never kept waiting.
BLOCK_AGE_S: Final = 0.003
HEARTBEAT_S: Final = 0.25
SNAPSHOT_BLOCKS: Final = 5_000
STOP_S_MAX: Final = 10

# -- grants ------------------------------------------------------------------------
GRANT_MS_MAX: Final = 15 * 60_000
GRANT_BYTES_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class Config:
    """Where a node keeps its ledger and where it listens.

    Attributes:
        data: the ledger's folder.
        host: address to listen on.
        port: 0 for any that is free.
        clock: file with the time of a test chain, UTC milliseconds as text.
        port_file: written with the port once the node is ready.
        certificate: TLS certificate chain, PEM.
        key: its private key, PEM.
        metrics: shown to other machines as well.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    clock: Path | None = None
    port_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    metrics: bool = False

    @property
    def is_secure(self) -> bool:
        """Whether the node itself speaks TLS."""
        return self.certificate is not None and self.key is not None

    def check_host(self) -> None:
        """Return if nobody can listen in on the way to this address.

        Raises:
            LedgerError: ``not_secure``.
        """
        if not self.is_secure and not _is_loopback(self.host):
            raise LedgerError("not_secure", found=self.host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
