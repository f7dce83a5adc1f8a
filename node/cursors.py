"""Places in lists and streams, as clients name them: they tell nothing.

The place of an item says how much lies before it, and so how much of that a
reader may not see. Cursors of lists are therefore encrypted for one reader and
path, and the events of a block have numbers that only the node can tell apart.
Both outlive a restart.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ledger.errors import LedgerError

CURSOR_CHARACTERS_MAX: Final = 1_000
PADDED_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAGS: Final = 10**15


class Cursors:
    """Makes and reads cursors under a secret of the node."""

    def __init__(self, secret: bytes) -> None:
        """Derive the keys."""
        self._cipher = ChaCha20Poly1305(_derive(secret, b"allonge list cursors"))
        self._tag_key = _derive(secret, b"allonge event ids")

    def seal(self, place: str, bound: str) -> str:
        """Return the cursor of a sort key, for one reader and path."""
        raw = place.encode()
        raw += b"\0" * (-len(raw) % PADDED_BYTES)
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, raw, bound.encode())
        return base64.urlsafe_b64encode(sealed).decode()

    def open(self, cursor: str, bound: str) -> str:
        """Return the sort key in a cursor, empty for none.

        Raises:
            LedgerError: ``bad_request``, it was not made here for that reader.
        """
        if not cursor:
            return ""
        try:
            if len(cursor) > CURSOR_CHARACTERS_MAX:
                raise ValueError
            sealed = base64.b64decode(cursor.encode(), b"-_", validate=True)
            nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            raw = self._cipher.decrypt(nonce, rest, bound.encode())
        except (ValueError, binascii.Error, InvalidTag) as error:
            raise LedgerError("bad_request", expected="a cursor of this list") from (
                error
            )
        return raw.rstrip(b"\0").decode()

    def tag(self, height: int, position: int) -> int:
        """Return the number of an event in its block, from 1, in no order."""
        place = f"{height}.{position}".encode()
        digest = hmac.digest(self._tag_key, place, "sha256")
        return int.from_bytes(digest[:8], "big") % (TAGS - 1) + 1


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, purpose, "sha256")
