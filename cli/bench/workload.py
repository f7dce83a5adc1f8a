"""A ledger full of holdings and the signed transactions that load it.

Everything goes through the front door: members are admitted with proof of
possession, a receivable is submitted, confirmed, split and passed on by
signed acts. What is measured is a ledger like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Final

from cli.bench.yardstick import Signed
from cli.genesis import read_config
from cli.programme import DEFAULTS, convert_terms
from cli.requests import make_policy
from contracts import read_sources
from ledger.chain import Chain
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.genesis import build_founding
from ledger.keys import SigningKey
from ledger.sealing import BlockInput
from ledger.state import read_record
from ledger.transactions import (
    TYPE_TRANSACTION,
    build_payload,
    object_id,
    parse_transaction,
    prove_possession,
    sign_payload,
)

DAY_MS: Final = 86_400_000
CUTS_MAX: Final = 100
RUNS_A_HOLDER: Final = 4
TILES_A_RUN: Final = 5
TILES_A_HOLDER: Final = RUNS_A_HOLDER * TILES_A_RUN
TILE_MINOR: Final = 10_000
RUN_MINOR: Final = TILES_A_RUN * TILE_MINOR
DUE_DAYS: Final = 20
# Coprime to any number of holders used, so that neighbours differ.
STRIDE: Final = 7919
# Of a hundred transactions one has a false signature and one spends what
# another of the same load has spent so many places before.
BAD_PLACE: Final = 37
DOUBLE_PLACE: Final = 73
DOUBLE_BACK: Final = 50
SECRET: Final = sha256(b"allonge bench").digest()
FOUNDERS: Final = ("operator", "debtor", "lender", "settlement_bank", "supplier")


@dataclass(slots=True)
class Load:
    """Signed transactions in the order in which they are submitted.

    Attributes:
        envelopes: all of them, the planted ones among them.
        bad: how many carry a false signature.
        double: how many spend what another has spent.
    """

    envelopes: list[bytes] = field(default_factory=list)
    bad: int = 0
    double: int = 0

    @property
    def sound(self) -> int:
        """How many must be committed."""
        return len(self.envelopes) - self.bad - self.double


class Workload:
    """Founds and fills a ledger, and signs what loads it.

    Attributes:
        holders: ids of the members that hold parts.
        receivable: id of the one receivable.
    """

    def __init__(self, holders: int, start_ms: int) -> None:
        """Prepare; nothing is founded yet.

        Args:
            holders: members that will hold parts, 2 or more.
            start_ms: time of genesis, UTC milliseconds.
        """
        self.start_ms = start_ms
        self.count = holders
        self.founders: dict[str, str] = {}
        self.holders: list[str] = []
        self.receivable = self.account = ""
        self._keys: dict[str, SigningKey] = {}
        self._order: dict[str, int] = {}
        self._nonces = count(1)
        self._picks = count()

    @property
    def tiles(self) -> int:
        """Holdings after filling."""
        return self.count * TILES_A_HOLDER

    @property
    def face_minor(self) -> int:
        """Face of the receivable, minor units."""
        return self.tiles * TILE_MINOR

    @property
    def due_date(self) -> str:
        """Due date of the receivable."""
        return date_of(self.start_ms + DUE_DAYS * DAY_MS)

    # -- signing --------------------------------------------------------------

    def sign(self, chain: Chain, act: str, body: JSONObject, *by: str) -> bytes:
        """Return an act signed by the one key of each member."""
        payload = build_payload(
            act=act,
            body=body,
            by=by,
            chain=chain.chain_id,
            nonce=f"{next(self._nonces):032x}",
            not_after=chain.header.time + DAY_MS,
            rule=chain.rulebook.current_rule(act),
        )
        keys = [self._keys[member] for member in by]
        return sign_payload(TYPE_TRANSACTION, payload, keys)

    def act(self, chain: Chain, act: str, body: JSONObject, time: int = 0) -> str:
        """Sign and seal one act by whom its rule asks; return its id.

        Raises:
            LedgerError: it was refused.
        """
        prepared = chain.prepare(act, body, time)
        raw = self.sign(chain, act, body, *prepared.by)
        candidate = chain.execute(BlockInput(max(time, chain.header.time + 1), [raw]))
        if candidate.dropped:
            raise candidate.dropped[0][1]
        chain.commit(candidate)
        return candidate.transactions[0].id

    # -- founding -------------------------------------------------------------

    def found(self, folder: Path) -> Chain:
        """Return a new durable chain: founders, books, one live receivable."""
        terms: JSONObject = {
            "members": [describe(name, name) for name in FOUNDERS],
            "parameters": self._parameters(),
            "time": self.start_ms,
        }
        keys = [key_of(name) for name in FOUNDERS]
        genesis, published = build_founding(terms, read_sources(), SECRET, keys)
        chain = Chain.found(genesis, published, SECRET, folder)
        for n, name in enumerate(FOUNDERS):
            self.founders[name] = object_id("member", chain.chain_id, n)
            self._keys[self.founders[name]] = keys[n]
        self._open_books(chain)
        return chain

    def _parameters(self) -> JSONObject:
        usual = read_config(None, test_chain=True)
        through = date_of(self.start_ms + 1000 * DAY_MS)
        calendar = {**usual["calendar"], "through": through, "weekend": []}
        return {**usual, "calendar": calendar, "quota": 100_000}

    def _open_books(self, chain: Chain) -> None:
        opened = self.act(chain, "account.open", self._account())
        self.account = object_id("account", opened, 0)
        made = self.act(chain, "programme.new", self._programme())
        invoice = {
            "amount_minor": self.face_minor,
            "issue_date": date_of(self.start_ms - 3 * DAY_MS),
            "number": "INV-1",
            "used_minor": self.face_minor,
        }
        submission = {
            "invoices": [invoice],
            "programme": object_id("programme", made, 0),
            "supplier": self.founders["supplier"],
            "terms": {"due_date": self.due_date, "gross_minor": self.face_minor},
        }
        submitted = self.act(chain, "receivable.submit", submission)
        self.receivable = object_id("receivable", submitted, 0)
        agreed = {"face_minor": self.face_minor, "receivable": self.receivable}
        self.act(chain, "receivable.confirm", agreed)

    def _account(self) -> JSONObject:
        bank = self.founders["settlement_bank"]
        return {
            "attester": bank,
            "closed_date": date_of(self.start_ms - DAY_MS),
            "commitment": digest_of("account"),
            "currency": "CNY",
            "opening_minor": 0,
            "owner": bank,
        }

    def _programme(self) -> JSONObject:
        terms = {
            "account": self.account,
            "convention": "none",
            "currency": "CNY",
            "debtor": self.founders["debtor"],
            "disclosure": digest_of("disclosure"),
            "late_ppm": 60_000,
            "lenders": [self.founders["lender"]],
            "name": "bench",
            "offset_minutes": 0,
            "transfer_max": 32,
            "undertaking_text": digest_of("undertaking"),
        }
        return convert_terms({**DEFAULTS, **terms})

    # -- filling --------------------------------------------------------------

    def admissions(self, chain: Chain) -> Load:
        """Return the admission of every holder."""
        load = Load()
        operator = self.founders["operator"]
        for n in range(self.count):
            name = f"holder {n}"
            member = describe(name, "supplier", chain.chain_id)
            body = {"member": member, "operator": operator}
            raw = self.sign(chain, "member.admit", body, operator)
            holder = object_id("member", parse_transaction(raw).id, 0)
            self._keys[holder] = key_of(name)
            self._order[holder] = n
            self.holders.append(holder)
            load.envelopes.append(raw)
        return load

    def cuts(self, chain: Chain) -> Load:
        """Return the splits of the receivable into runs of holdings."""
        supplier = self.founders["supplier"]
        edges = list(range(RUN_MINOR, self.face_minor, RUN_MINOR))
        load = Load()
        lo = 0
        # Each split leaves its last piece for the next, one revision on.
        for rev, first in enumerate(range(0, len(edges), CUTS_MAX), 1):
            cuts = edges[first : first + CUTS_MAX]
            given = self._input(lo, self.face_minor, rev)
            load.envelopes.append(self._split(chain, given, cuts, supplier))
            lo = cuts[-1]
        return load

    def handouts(self, chain: Chain) -> Load:
        """Return the transfers that scatter the runs over the holders."""
        load = Load()
        for n, lo in enumerate(range(0, self.face_minor, RUN_MINOR)):
            tile = self.tile(chain, lo)
            holder = self.holders[n * STRIDE % self.count]
            load.envelopes.append(self._transfer(chain, tile, tile["hi"], holder))
        return load

    def splits(self, chain: Chain) -> Load:
        """Return the splits by which the holders cut runs into holdings."""
        load = Load()
        for lo in range(0, self.face_minor, RUN_MINOR):
            tile = self.tile(chain, lo)
            cuts = list(range(lo + TILE_MINOR, tile["hi"], TILE_MINOR))
            given = self._input(lo, tile["hi"], tile["rev"])
            load.envelopes.append(self._split(chain, given, cuts, tile["holder"]))
        return load

    def _split(
        self, chain: Chain, given: JSONObject, cuts: list[int], holder: str
    ) -> bytes:
        body = {"cuts": cuts, "input": given, "receivable": self.receivable}
        return self.sign(chain, "receivable.split", body, holder)

    # -- loading --------------------------------------------------------------

    def transfers(self, chain: Chain, wanted: int, *, planted: bool = True) -> Load:
        """Return joint transfers of distinct holdings, signed by both sides.

        Every second one moves half a holding and so cuts it.

        Args:
            chain: whose holdings they spend, as they stand at its head.
            wanted: how many in all.
            planted: put false signatures and double spends among them.
        """
        load = Load()
        picked: list[JSONObject] = []
        for n in range(wanted):
            place = n % 100 if planted else 0
            if place == DOUBLE_PLACE:
                tile = picked[-DOUBLE_BACK]
                load.double += 1
            else:
                tile = self._pick(chain)
                picked.append(tile)
            hi = (tile["lo"] + tile["hi"]) // 2 if n % 2 else tile["hi"]
            raw = self._transfer(chain, tile, hi, self._receiver(tile["holder"], n))
            if place == BAD_PLACE:
                raw = falsify(raw)
                load.bad += 1
            load.envelopes.append(raw)
        return load

    def offers(self, chain: Chain, wanted: int) -> tuple[Load, Load]:
        """Return offers of distinct holdings, and their acceptances in order."""
        made, taken = Load(), Load()
        for n in range(wanted):
            tile = self._pick(chain)
            receiver = self._receiver(tile["holder"], n)
            part = {"hi": tile["hi"], "lo": tile["lo"]}
            body = {
                "input": self._input(tile["lo"], tile["hi"], tile["rev"]),
                "part": part,
                "receivable": self.receivable,
                "receiver": receiver,
                "recourse": "without",
                "until_ms": chain.header.time + DAY_MS,
            }
            raw = self.sign(chain, "receivable.offer", body, tile["holder"])
            answer = {
                "aware_overdue": False,
                "offer": parse_transaction(raw).id,
                "part": part,
                "receivable": self.receivable,
            }
            made.envelopes.append(raw)
            taken.envelopes.append(self.sign(chain, "offer.accept", answer, receiver))
        return made, taken

    def payment(self, chain: Chain, time: int) -> bytes:
        """Return the bank's attestation that the debtor paid the whole face."""
        bank, today = self.founders["settlement_bank"], date_of(time)
        entry = {
            "amount_minor": self.face_minor,
            "booking_date": today,
            "currency": "CNY",
            "key": "payment",
            "payer": self.founders["debtor"],
            "reference": self.receivable,
            "type": "receipt",
            "value_date": today,
        }
        body = {
            "account": self.account,
            "attester": bank,
            "entries": [entry],
            "file_hash": digest_of("statement"),
        }
        return self.sign(chain, "bank.record", body, bank)

    def tile(self, chain: Chain, lo: int) -> JSONObject:
        """Return the holding that starts at a unit.

        Raises:
            LedgerError: ``not_found``.
        """
        found = read_record(chain.state, "tile", str(lo), self.receivable)
        if found is None:
            raise LedgerError("not_found", found=f"tile {lo}")
        return found

    def _pick(self, chain: Chain) -> JSONObject:
        """Return another holding at each call until all were picked."""
        return self.tile(chain, next(self._picks) * STRIDE % self.tiles * TILE_MINOR)

    def _receiver(self, holder: str, n: int) -> str:
        step = 1 + n % (self.count - 1)
        return self.holders[(self._order[holder] + step) % self.count]

    def _input(self, lo: int, hi: int, rev: int) -> JSONObject:
        return {"hi": hi, "lo": lo, "receivable": self.receivable, "rev": rev}

    def _transfer(
        self, chain: Chain, tile: JSONObject, hi: int, receiver: str
    ) -> bytes:
        body = {
            "aware_overdue": False,
            "input": self._input(tile["lo"], tile["hi"], tile["rev"]),
            "part": {"hi": hi, "lo": tile["lo"]},
            "receivable": self.receivable,
            "receiver": receiver,
            "recourse": "without",
        }
        return self.sign(
            chain, "receivable.transfer", body, *sorted((tile["holder"], receiver))
        )


def signatures_of(chain: Chain, envelopes: Sequence[bytes]) -> Iterator[Signed]:
    """Yield the signatures of transactions with the keys that made them."""
    for raw in envelopes:
        envelope = parse_transaction(raw).envelope
        for signature in envelope.signatures:
            record = read_record(chain.state, "key", signature.key_id)
            if record is not None:
                public = bytes.fromhex(record["public"])
                yield Signed(public, envelope.preimage, signature.value)


def falsify(raw: bytes) -> bytes:
    """Return the envelope with one bit of its last signature turned."""
    # The first character of its base64 text stands for six bits of R.
    at = raw.rindex(b'"sig":"') + len(b'"sig":"')
    other = b"B" if raw[at : at + 1] == b"A" else b"A"
    return raw[:at] + other + raw[at + 1 :]


def describe(name: str, role: str, chain: str = "") -> dict[str, Any]:
    """Return a member as genesis, or with a chain ``member.admit``, takes it."""
    key = key_of(name)
    entry: dict[str, Any] = {
        "duties": ["admin", "checker", "maker"],
        "person": digest_of(name),
        "public": key.public.hex(),
    }
    if chain:
        entry["proof"] = prove_possession(key, chain)
    return {
        "identifiers": [{"scheme": "BENCH", "value": digest_of(name)[:16].upper()}],
        "keys": [entry],
        "name": name,
        "policy": make_policy(None),
        "roles": [role],
    }


def key_of(name: str) -> SigningKey:
    """Return the key of a name, the same in every run."""
    return SigningKey.from_seed(sha256(f"bench/{name}".encode()).digest())


def digest_of(text: str) -> str:
    """Return a stable stand-in for the hash of a document."""
    return sha256(text.encode()).hexdigest()


def date_of(ms: int) -> str:
    """Return the UTC date of a moment."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)
    return moment.date().isoformat()
