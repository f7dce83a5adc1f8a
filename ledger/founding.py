"""Block 0: the founding members, the rule files and the first header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import kernel
from ledger.blocks import NO_HASH, Block, Header
from ledger.errors import LedgerError
from ledger.execution import (
    Situation,
    check_form,
    check_keys,
    check_rule,
    open_context,
    parse_body,
    run_metered,
)
from ledger.gas import Meter
from ledger.genesis import Founded, enter_founders, parse_genesis, salt_commitment
from ledger.log import EMPTY_ROOT, hash_leaf, root_of
from ledger.rulebook import Rulebook
from ledger.state import Layer, State, load_at
from ledger.transactions import PAYLOAD_BYTES_MAX, Transaction

PUBLICATION_GAS_MAX = 10_000_000
FILES_MAX = 200


@dataclass(frozen=True, slots=True)
class Foundation:
    """An executed block 0.

    Attributes:
        founded: the checked genesis.
        rulebook: what was published and hashes to what genesis names.
        state: after block 0.
        block: block 0.
        header: its header.
        transactions: the publications, in order.
    """

    founded: Founded
    rulebook: Rulebook
    state: State
    block: Block
    header: Header
    transactions: list[Transaction]


def execute_block_zero(
    genesis: bytes, publications: Sequence[bytes], secret: bytes
) -> Foundation:
    """Return block 0 of a genesis and its rule files.

    Args:
        genesis: the signed genesis envelope, leaf 0.
        publications: one signed ``rules.publish`` a file, leaves 1 and on.
        secret: S of the salted commitments; genesis commits to it.

    Raises:
        LedgerError: those of ``parse_genesis``; ``untrusted``, the secret is
            another one; ``bad_block``, a publication is none or is not by the
            operator; ``too_large``; its signature, rule or body is wrong;
            ``rule_refused``; ``rule_mismatch``.
    """
    founded = parse_genesis(genesis)
    if salt_commitment(secret) != founded.genesis.salt:
        raise LedgerError("untrusted", expected=founded.genesis.salt, found="secret")
    if len(publications) > FILES_MAX:
        raise LedgerError("too_large", expected=f"{FILES_MAX} files")
    state = State(Rulebook().kinds, secret)
    layer = Layer(state, state.kinds)
    situation = Situation(
        height=0,
        time=founded.genesis.time,
        chain=founded.chain,
        parameters=founded.parameters,
        rulebook=Rulebook(),
    )
    enter_founders(layer, founded, situation)
    transactions = [_publish(layer, raw, situation, founded) for raw in publications]
    rulebook = load_published(layer, founded.genesis.rulebook)
    rulebook.check_calendar(kernel.dump_form(founded.genesis.parameters.calendar))
    return _seal(founded, rulebook, state, layer, (genesis, transactions))


def _publish(
    layer: Layer, raw: bytes, situation: Situation, founded: Founded
) -> Transaction:
    transaction = check_form(raw, situation, frozenset(), {})
    if transaction.act != "rules.publish" or transaction.by != (founded.operator,):
        raise LedgerError("bad_block", expected="rules.publish", height=0)
    if len(transaction.envelope.payload) > PAYLOAD_BYTES_MAX:
        raise LedgerError("too_large", expected=f"a payload of {PAYLOAD_BYTES_MAX}")
    check_keys(layer, transaction, situation, {})
    action = check_rule(layer, transaction, situation)
    body = parse_body(action, transaction.body)
    if body.operator != founded.operator:
        raise LedgerError("wrong_signers", expected=founded.operator[:12])
    ctx = open_context(
        layer, situation, transaction.id, kernel.MANIFEST_HASH, kernel.WRITES
    )
    run_metered(lambda: action.apply(ctx, body), Meter(PUBLICATION_GAS_MAX))
    return transaction


def load_published(view: State | Layer, expected_hash: str) -> Rulebook:
    """Return the rulebook of the files a state holds.

    Raises:
        LedgerError: ``rule_refused``; ``rule_mismatch``.
    """
    files = {}
    for _, key in view.entries(("rule_files", ""), "", None):
        record = load_at(view, key)
        files[record["id"]] = record["source"]
    return Rulebook.load(files, expected_hash)


def _seal(
    founded: Founded,
    rulebook: Rulebook,
    state: State,
    layer: Layer,
    leaves: tuple[bytes, list[Transaction]],
) -> Foundation:
    genesis, transactions = leaves
    envelopes = [genesis, *(item.envelope.raw for item in transactions)]
    new_map = state.map.update(state.commitments(layer, 0))
    state.apply(layer, new_map, 0)
    state.kinds = rulebook.kinds
    header = Header(
        count=len(envelopes),
        first=0,
        height=0,
        log_root=root_of([hash_leaf(raw) for raw in envelopes]).hex(),
        prev=NO_HASH,
        results_root=EMPTY_ROOT.hex(),
        rules=rulebook.hash,
        state_root=new_map.root.hex(),
        time=founded.genesis.time,
    )
    block = Block(0, header.encode(), tuple(envelopes), (), ())
    return Foundation(founded, rulebook, state, block, header, transactions)
