"""What must hold of a ledger's bytes before any rule of it is run.

Genesis, header links, heights, times, the roots over leaves and receipts, and
the hash of the published rules. It takes no state and no rule, only hashing,
so it is also what makes it safe to go on.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from ledger.blocks import Block, Header, check_header
from ledger.encoding import decode, digest
from ledger.errors import LedgerError
from ledger.export import ExportFacts
from ledger.genesis import Founded, parse_genesis, salt_commitment
from ledger.loader import (
    kit_hash,
    manifest_hash,
    rule_manifest,
    rule_name,
    rule_names,
    rulebook_hash,
)
from ledger.log import Log, hash_leaf, root_of
from ledger.transactions import Transaction, parse_transaction

PUBLISH: Final = "rules.publish"


class Links:
    """A ledger's skeleton, checked block by block.

    Attributes:
        founded: the genesis, after block 0.
        header: the last header.
        log: all leaves.
        header_hashes: of every block, by height.
        transactions: transaction leaves so far.
    """

    founded: Founded

    def __init__(self, facts: ExportFacts) -> None:
        """Start before block 0.

        Args:
            facts: what the source says of itself, to be compared.
        """
        self._facts = facts
        self.header: Header | None = None
        self.log = Log()
        self.header_hashes: list[bytes] = []
        self._sizes: list[int] = []
        self.transactions = 0

    def add(self, block: Block) -> None:
        """Check the next block and make it the last.

        Raises:
            LedgerError: ``bad_json``, ``bad_block``; ``bad_root``, naming the
                root; for block 0 also those of the genesis, ``bad_secret``
                and ``rule_mismatch``.
        """
        header = check_header(block, self.header)
        if block.height == 0:
            self._check_genesis(block)
        if header.rules != self.founded.genesis.rulebook:
            raise LedgerError(
                "bad_root",
                expected=self.founded.genesis.rulebook,
                found=header.rules,
                root="rules",
            )
        leaves = [hash_leaf(raw) for raw in block.transactions]
        _compare("log_root", self.log.root_with(leaves), header.log_root)
        results = root_of([hash_leaf(raw) for raw in block.receipts])
        _compare("results_root", results, header.results_root)
        for leaf in leaves:
            self.log.append_hash(leaf)
        self.log.append(block.header)
        self.header = header
        self.header_hashes.append(digest(block.header))
        self._sizes.append(header.size)
        self.transactions += len(block.transactions)

    def height_of_size(self, size: int) -> int:
        """Return the height of the block just after which the log has a size.

        Raises:
            LedgerError: ``bad_checkpoint``, a size inside a block.
        """
        height = bisect_left(self._sizes, size)
        if height >= len(self._sizes) or self._sizes[height] != size:
            raise LedgerError(
                "bad_checkpoint", expected="a size just after a header", found=size
            )
        return height

    def _check_genesis(self, block: Block) -> None:
        if not block.transactions:
            raise LedgerError("bad_block", expected="a genesis", found="nothing")
        founded = parse_genesis(block.transactions[0])
        if founded.chain != self._facts.chain:
            raise LedgerError(
                "bad_block", expected=self._facts.chain, found=founded.chain
            )
        if salt_commitment(self._facts.secret) != founded.genesis.salt:
            raise LedgerError("bad_secret", expected=founded.genesis.salt)
        check_rules(block.transactions[1:], founded.genesis.rulebook)
        self.founded = founded


def _compare(name: str, root: bytes, found: str) -> None:
    if root.hex() != found:
        raise LedgerError("bad_root", expected=root.hex(), found=found, root=name)


def check_rules(publications: Sequence[bytes], expected_hash: str) -> None:
    """Return if published files have the rulebook hash; nothing of them is run.

    Args:
        publications: envelopes of ``rules.publish``.
        expected_hash: of the genesis, hex.

    Raises:
        LedgerError: form errors; ``bad_block``, another act; ``rule_mismatch``.
    """
    files: dict[str, str] = {}
    for raw in publications:
        transaction = parse_transaction(raw)
        path, source = transaction.body.get("path"), transaction.body.get("source")
        is_publication = isinstance(path, str) and isinstance(source, str)
        if transaction.act != PUBLISH or not is_publication:
            raise LedgerError("bad_block", expected=PUBLISH, found=transaction.act)
        files[str(path)] = str(source)
    kit = kit_hash(files)
    manifests = {
        name: manifest_hash(rule_manifest(name, _declared_version(files, name), files))
        for name in rule_names(files)
    }
    found = rulebook_hash(kit, manifests)
    if found != expected_hash:
        raise LedgerError("rule_mismatch", expected=expected_hash, found=found)


def _declared_version(files: dict[str, str], name: str) -> int:
    """Return the version a rule's files declare in ``Rule(…, version=n)``.

    It is read from the syntax tree: the manifest has to be known before any
    of these files is run.
    """
    for path, source in sorted(files.items()):
        if rule_name(path) != name:
            continue
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            break
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "version":
                value = getattr(node.value, "value", None)
                if type(value) is int:
                    return value
    return 1


def check_receipts(block: Block, transactions: Sequence[Transaction]) -> None:
    """Return if each transaction has its own receipt, and the rest are steps.

    Raises:
        LedgerError: ``bad_json``; ``bad_receipt``.
    """
    if block.height == 0:
        if block.receipts:
            raise LedgerError("bad_receipt", expected="none in block 0")
        return
    if len(block.receipts) < len(transactions):
        raise LedgerError(
            "bad_receipt", expected=len(transactions), found=len(block.receipts)
        )
    for n, raw in enumerate(block.receipts):
        receipt = decode(raw)
        named = receipt.get("tx", "") if isinstance(receipt, dict) else ""
        expected = transactions[n].id if n < len(transactions) else ""
        if named != expected:
            raise LedgerError("bad_receipt", expected=expected, found=named, position=n)
