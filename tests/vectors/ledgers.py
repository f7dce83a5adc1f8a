"""A chain of three blocks with fixed keys, times and nonces."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ledger.blocks import Block
from ledger.chain import Chain
from ledger.encoding import encode
from ledger.genesis import build_publications, parse_genesis, salt_commitment
from ledger.kernel import MANIFEST_HASH
from ledger.keys import SigningKey
from ledger.loader import load_rulebook
from ledger.sealing import BlockInput
from ledger.transactions import (
    TYPE_GENESIS,
    TYPE_TRANSACTION,
    build_payload,
    object_id,
    sign_payload,
    transaction_id,
)
from tests.lots import read_lot_sources

TIME_MS = 1_795_132_800_000
WINDOW_MS = 86_400_000
SECRET = sha256(b"allonge vectors: salt secret").digest()
CALENDAR = {
    "holidays": ["2026-12-25"],
    "id": "plain",
    "through": "2030-12-31",
    "weekend": [5, 6],
    "workdays": [],
}
ONE = {
    "approvals": [{"action": "any", "bands": [{"persons": 1}]}],
    "offset_minutes": 480,
}


def key_of(n: int) -> SigningKey:
    """Return the n-th key of the vectors."""
    return SigningKey.from_seed(seed_of(n))


def seed_of(n: int) -> bytes:
    """Return the seed of the n-th key."""
    return sha256(b"allonge vectors: key %d" % n).digest()


def person_of(n: int) -> str:
    """Return the salted id of the person behind the n-th key."""
    return sha256(b"allonge vectors: person %d" % n).hexdigest()


OPERATOR, LENDER, SUPPLIER, SECOND = (key_of(n) for n in range(4))


def describe(name: str, role: str, *numbers: int) -> dict[str, Any]:
    """Return a founding member with these keys."""
    return {
        "identifiers": [{"scheme": "TEST", "value": role.upper()}],
        "keys": [
            {
                "duties": ["admin", "checker", "maker"],
                "person": person_of(n),
                "public": key_of(n).public.hex(),
            }
            for n in numbers
        ],
        "name": name,
        "policy": ONE,
        "roles": [role],
    }


def genesis_payload() -> dict[str, Any]:
    """Return the genesis of the vectors."""
    return {
        "members": [
            describe("Operator", "operator", 0),
            describe("Lender", "lender", 1),
            describe("Supplier — 供應商", "supplier", 2, 3),
        ],
        "parameters": {
            "account_delay_ms": 259_200_000,
            "calendar": CALENDAR,
            "governance_ppm": 666_667,
            "policy_delay_ms": 172_800_000,
            "quota": 1000,
            "test_chain": True,
        },
        "rulebook": load_rulebook(read_lot_sources()).hash,
        "salt": salt_commitment(SECRET),
        "time": TIME_MS,
        "v": 1,
    }


@dataclass
class SmallLedger:
    """The chain, with what the vectors say about it.

    Attributes:
        chain: at height 2.
        blocks: all three.
        lot: id of the lot that is cut in block 2.
        supplier: id of the member that acts.
    """

    chain: Chain
    blocks: list[Block]
    lot: str
    supplier: str

    def payload(self, n: int, act: str, body: dict[str, Any]) -> bytes:
        """Return the payload of an act by the supplier."""
        rulebook = self.chain.rulebook
        kernel = act.startswith("ledger.")
        return build_payload(
            act=act,
            body=body,
            by=[self.supplier],
            chain=self.chain.chain_id,
            nonce=f"{n:032x}",
            not_after=TIME_MS + WINDOW_MS,
            rule=MANIFEST_HASH if kernel else rulebook.manifests["lot"],
        )

    def seal(self, time: int, *envelopes: bytes) -> None:
        """Seal a block of envelopes as they are proposed, refusals included."""
        given = BlockInput(time, envelopes, building=False)
        candidate = self.chain.execute(given)
        self.chain.commit(candidate)
        if candidate.block is not None:
            self.blocks.append(candidate.block)


def build_ledger() -> SmallLedger:
    """Return the ledger: founding, a new lot and a tick, a cut and a refusal.

    The lot ends in block 2, which is its one automatic step.
    """
    keys = [OPERATOR, LENDER, SUPPLIER, SECOND]
    genesis = sign_payload(TYPE_GENESIS, encode(genesis_payload()), keys)
    founded = parse_genesis(genesis)
    publications = build_publications(founded, read_lot_sources(), OPERATOR)
    chain = Chain.found(genesis, publications, SECRET)
    supplier = object_id("member", chain.chain_id, 2)
    block = Block(0, chain.header.encode(), (genesis, *publications), (), ())
    ledger = SmallLedger(chain, [block], "", supplier)

    body = {"owner": supplier, "size": 100_000, "until_ms": TIME_MS + 60_000}
    new = ledger.payload(1, "lot.new", body)
    ledger.lot = object_id("lot", transaction_id(new), 0)
    tick = ledger.payload(2, "ledger.tick", {"member": supplier})
    ledger.seal(
        TIME_MS + 1_500,
        sign_payload(TYPE_TRANSACTION, new, [SUPPLIER]),
        sign_payload(TYPE_TRANSACTION, tick, [SUPPLIER, SECOND]),
    )
    cuts = (
        ledger.payload(3, "lot.cut", {"at": 60_000, "lo": 0, "lot": ledger.lot}),
        ledger.payload(4, "lot.cut", {"at": 60_000, "lo": 0, "lot": ledger.lot}),
    )
    ledger.seal(
        TIME_MS + 60_000,
        *(sign_payload(TYPE_TRANSACTION, cut, [SUPPLIER]) for cut in cuts),
    )
    return ledger
