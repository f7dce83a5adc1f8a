"""``allonge watch``: what happens on the ledger, each event once, in order.

The id of an event is its height and a number there, so nothing is missed:
after a break the stream goes on behind the last id that was printed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from cli.client import NodeError
from cli.private import read_private, write_private
from cli.session import Session, with_node
from cli.terminal import print_note
from cli.typed import PATH, option
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

EVENT_ID: Final = re.compile(r"[0-9]{1,15}\.[0-9]{1,15}")
PAUSES_S: Final = (0.2, 1, 2, 5)
ID_BYTES_MAX: Final = 64


@click.command("watch")
@option("--after", "ID", "Begin behind this event.")
@option("--keep", PATH, "Keep the last id there, and begin behind it.")
@option("--count", click.IntRange(1), "End after so many events.")
@with_node
def watch(
    session: Session, *, after: str | None, keep: Path | None, count: int | None
) -> None:
    """Print what happens, and you may see, as it happens: one JSON object a line.

    Without --after or --keep it begins now; 0.0 begins with the ledger.
    """
    last = after or ""
    if not last and keep is not None and keep.exists():
        last = read_private(keep, size_bytes_max=ID_BYTES_MAX).decode().strip()
    if last and not EVENT_ID.fullmatch(last):
        raise LedgerError("bad_event_id", expected="120.3", found=last[:40])
    for printed, event in enumerate(follow(session, last), start=1):
        click.echo(event["line"])
        if keep is not None:
            write_private(keep, str(event["id"]).encode(), replace=True)
        if printed == count:
            return


def follow(session: Session, last: str) -> Iterator[JSONObject]:
    """Yield events with ``id`` and ``line`` behind an id, across breaks for ever.

    Raises:
        LedgerError: what the node refuses with; it answers no more.
    """
    breaks = 0
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        event: JSONObject = {}
        try:
            for line in session.client.stream("/v1/events", headers):
                name, _, value = line.partition(": ")
                if name == "id":
                    event = {"id": value}
                elif name == "data" and event:
                    last, breaks = event["id"], 0
                    yield {**event, "line": f'{{"id":"{last}",{value.lstrip("{")}'}
        except LedgerError as error:
            refused = isinstance(error, NodeError) and error.status < 500
            if refused or breaks == len(PAUSES_S):
                raise
            print_note(f"The stream broke off ({error.code}); it goes on.")
            time.sleep(PAUSES_S[breaks])
            breaks += 1
        else:
            # It ended with its grant; the next one begins where it stood.
            time.sleep(PAUSES_S[0])
