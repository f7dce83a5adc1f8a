"""The audit of a ledger by someone who trusts none of what is in it.

Two passes. The first takes only hashing: is it whole, does it begin with the
genesis the auditor pinned, do all links and roots hold, does it agree with
checkpoints known from elsewhere. Only then every signature is verified here
and, beside it, every block replayed with the rules of the ledger in a
confined process, which also adds up the books and recomputes each sweep.

The writer's façade takes no part in this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

from ledger.blocks import Block
from ledger.checkpoint import LogKey, origin, parse_checkpoint, parse_note, verify_note
from ledger.confined import ConfinedReplay, Limits
from ledger.encoding import JSONObject, digest
from ledger.errors import LedgerError
from ledger.export import ExportFacts, Readable, describe_ledger
from ledger.genesis import Founded
from ledger.keys import admit_public_key, check_verifier, key_id, verify_signature
from ledger.links import Links, check_receipts
from ledger.replay import ReplayReport, located
from ledger.transactions import Transaction, parse_transaction

COMPLETE, ANCHOR, LINKS, SIGNATURES = 1, 2, 3, 4
CHECKPOINT, REPLAY, BOOKS, SWEEPS = 5, 6, 7, 8
NAMES: Final = {
    COMPLETE: "complete: counts and closing line",
    ANCHOR: "trust anchor: the genesis you named",
    LINKS: "header links, heights, times, roots",
    SIGNATURES: "signatures",
    CHECKPOINT: "agrees with checkpoints",
    REPLAY: "replay with the ledger's own rules",
    BOOKS: "books added up from single records",
    SWEEPS: "sweeps recomputed against incoming money",
}
OK, FAILED, SKIPPED = "ok", "failed", "skipped"
BATCH: Final = 256
PROGRESS_BLOCKS: Final = 64
WORKERS: Final = 2


class Source(Protocol):
    """A ledger to audit, readable from block 0 as often as needed."""

    @property
    def facts(self) -> ExportFacts:
        """What it says of itself."""

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks; raises where it is cut or damaged."""


class StoredSource:
    """The source that an opened ledger folder is.

    Attributes:
        facts: as they stood when it was opened.
    """

    def __init__(self, ledger: Readable) -> None:
        """Take an opened ledger.

        Raises:
            LedgerError: those of ``describe_ledger``.
        """
        self._ledger = ledger
        self.facts = describe_ledger(ledger)

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks from both copies."""
        for block in self._ledger.blocks():
            if block.height >= self.facts.blocks:
                break
            yield block


@dataclass(frozen=True, slots=True)
class Trust:
    """What the auditor knows from elsewhere; nothing here comes from the file.

    Attributes:
        genesis: hex digest of the genesis payload; empty if none is pinned.
        checkpoint: a signed note seen before, empty if there is none.
        log_key: verifier key of the node's log, empty to compare roots only.
    """

    genesis: str = ""
    checkpoint: bytes = b""
    log_key: str = ""


@dataclass(slots=True)
class Check:
    """One line of the report.

    Attributes:
        number: 1 to 8.
        state: ``ok``, ``failed`` or ``skipped``.
        done: how much was checked.
        note: what of, or why not.
    """

    number: int
    state: str = SKIPPED
    done: int = 0
    note: str = ""

    @property
    def name(self) -> str:
        """What is checked."""
        return NAMES[self.number]


@dataclass(slots=True)
class AuditReport:
    """What an audit found.

    Attributes:
        facts: what the source says of itself.
        checks: by number, from 1.
        fault: the first thing that is wrong; its details name check, height.
        remarks: what a reader should know besides.
        read: blocks that follow one another, and transactions in them.
        signatures: how many were verified.
        replay: the confined process's report, if it came to that.
        genesis: hex digest of the genesis found.
        rulebook: hash of the rules it names.
    """

    facts: ExportFacts
    checks: list[Check] = field(default_factory=lambda: [Check(n) for n in NAMES])
    fault: LedgerError | None = None
    remarks: list[str] = field(default_factory=list)
    read: tuple[int, int] = (0, 0)
    signatures: int = 0
    replay: ReplayReport | None = None
    genesis: str = ""
    rulebook: str = ""

    @property
    def verdict(self) -> str:
        """VALID only if every check held; else what kind of fault there is."""
        if self.fault is not None:
            kind = self.fault.row.kind
            return VERDICTS.get(kind, TAMPERED)
        needed = (check for check in self.checks if check.number != CHECKPOINT)
        if all(check.state == OK for check in needed):
            return VALID
        return UNTRUSTED

    def check(self, number: int) -> Check:
        """Return a line of the report."""
        return self.checks[number - 1]


VALID, TAMPERED, UNTRUSTED = "VALID", "TAMPERED", "UNTRUSTED"
INCOMPLETE, MISMATCH = "INCOMPLETE", "RULE MISMATCH"
# The end of the year 9999.
LAST_SHOWN_MS: Final = 253_402_300_799_999
VERDICTS: Final = {
    "incomplete": INCOMPLETE,
    "mismatch": MISMATCH,
    "untrusted": UNTRUSTED,
}


class Progress(NamedTuple):
    """How far a check is."""

    check: int
    done: int
    total: int


def _quiet(progress: Progress) -> None:
    del progress


def verify_ledger(
    source: Source,
    trust: Trust,
    *,
    report: Callable[[Progress], None] = _quiet,
    workers: int = WORKERS,
    limits: Limits | None = None,
) -> AuditReport:
    """Return what an audit of a ledger found, at the first fault or the end.

    Args:
        source: the ledger.
        trust: what the auditor pinned; without a genesis no rule is run and
            the verdict is never VALID.
        report: called from several threads.
        workers: threads that verify signatures, from 1.
        limits: of the process that replays.

    Raises:
        LedgerError: ``not_confined``, nothing can be said without replay;
            ``bad_vkey``, ``bad_key``, the log key is none.
    """
    check_verifier()
    audit = _Audit(source, trust, report, workers, limits or Limits())
    try:
        audit.check_bytes()
        audit.check_contents()
    except LedgerError as error:
        if error.code == "not_confined":
            raise
        audit.fail(error)
    return audit.found


def check_history(source: Source, trust: Trust) -> AuditReport:
    """Return what hashing alone finds: whole, anchored, linked, not rewritten.

    No signature but a checkpoint's is verified, and no rule is run.

    Raises:
        LedgerError: the first fault, with ``check`` and ``height``.
    """
    audit = _Audit(source, trust, _quiet, 1, Limits())
    audit.check_bytes()
    return audit.found


def explain_block(
    source: Source, trust: Trust, height: int, limits: Limits | None = None
) -> tuple[Block, JSONObject]:
    """Return a block and, under a pinned genesis, the figures behind it.

    The figures come from a replay up to the block, in a confined process.

    Args:
        source: the ledger.
        trust: without a genesis no rule is run, and there are no figures.
        height: of the block.
        limits: of the process that replays.

    Raises:
        LedgerError: ``not_found``, there is no such block; what the checks of
            links and of the replay find; ``not_confined``.
    """
    check_history(source, trust)
    if not 0 <= height < source.facts.blocks:
        raise LedgerError("not_found", found=f"block {height}")
    wanted = replace(limits or Limits(), explain_height=height)
    with ExitStack() as undo:
        child: ConfinedReplay | None = None
        if trust.genesis:
            child = ConfinedReplay(source.facts.secret, wanted)
            undo.enter_context(child)
        for block in source.blocks():
            if child is not None and not child.send(block):
                break
            if block.height == height:
                break
        return block, {} if child is None else child.finish().explained


class _Audit:
    """One audit in progress."""

    def __init__(
        self,
        source: Source,
        trust: Trust,
        report: Callable[[Progress], None],
        workers: int,
        limits: Limits,
    ) -> None:
        self._source = source
        self._trust = trust
        self._report = report
        self._workers = workers
        self._limits = limits
        self._log_keys = [LogKey.from_vkey(trust.log_key)] if trust.log_key else []
        self._links = Links(source.facts)
        self.found = AuditReport(source.facts)

    def fail(self, error: LedgerError) -> None:
        """Note the fault at its check."""
        check = error.details.get("check", COMPLETE)
        self.found.fault = error
        self.found.check(check if isinstance(check, int) else COMPLETE).state = FAILED

    def _pass(self, number: int, done: int, note: str = "") -> None:
        check = self.found.check(number)
        check.state, check.done, check.note = OK, done, note

    def _blocks(self, check: int) -> Iterator[Block]:
        """Yield blocks with progress; faults of reading carry their place."""
        height = 0
        try:
            for block in self._source.blocks():
                yield block
                height = block.height + 1
                if height % PROGRESS_BLOCKS == 0:
                    self._report(Progress(check, height, self.found.facts.blocks))
        except LedgerError as error:
            raise located(error, height, COMPLETE) from error

    # -- hashing only -----------------------------------------------------------

    def check_bytes(self) -> None:
        """Check that it is whole, anchored, linked and not rewritten."""
        facts, links = self.found.facts, self._links
        for block in self._blocks(LINKS):
            try:
                links.add(block)
            except LedgerError as error:
                # What is due at this place counts, not what the block says.
                error.details["height"] = len(links.header_hashes)
                raise located(error, block.height, LINKS) from error
            self.found.read = (len(links.header_hashes), links.transactions)
            if block.height == 0:
                self._check_anchor(links.founded)
        counts = self.found.read
        if counts != (facts.blocks, facts.transactions) or not counts[0]:
            expected = f"{facts.blocks} blocks, {facts.transactions} transactions"
            found = f"{counts[0]} and {counts[1]}"
            cut = LedgerError("incomplete", expected=expected, found=found)
            raise located(cut, counts[0], COMPLETE)
        self._pass(COMPLETE, counts[0], "blocks")
        self._pass(LINKS, counts[0], "blocks")
        header = self._links.header
        if header is not None and header.time <= LAST_SHOWN_MS:
            # No signature bounds the time of a block of automatic work.
            ends = datetime.fromtimestamp(header.time // 1000, UTC)
            self.found.remarks.append(f"its last block is of {ends:%Y-%m-%d %H:%M} UTC")
        self._check_checkpoints()

    def _check_anchor(self, founded: Founded) -> None:
        self.found.genesis = founded.chain
        self.found.rulebook = founded.genesis.rulebook
        if founded.genesis.parameters.test_chain:
            self.found.remarks.append("a test chain: its clock may be a file")
        if not self._trust.genesis:
            self.found.check(ANCHOR).note = "none given"
            for number in (REPLAY, BOOKS, SWEEPS):
                self.found.check(number).note = "no rule is run without an anchor"
            return
        if self._trust.genesis != founded.chain:
            raise LedgerError(
                "untrusted",
                expected=self._trust.genesis,
                found=founded.chain,
                check=ANCHOR,
                height=0,
            )
        self._pass(ANCHOR, 1, "given by you")

    def _check_checkpoints(self) -> None:
        own, kept = self.found.facts.checkpoint.encode(), self._trust.checkpoint
        notes = [raw for raw in (kept, own) if raw]
        if not kept:
            remark = "you gave no checkpoint: an end cut off or rewritten looks whole"
            self.found.remarks.append(remark)
        for raw in notes:
            try:
                self._check_checkpoint(raw)
            except LedgerError as error:
                last = len(self._links.header_hashes) - 1
                raise located(error, last, CHECKPOINT) from error
        if not notes:
            self.found.check(CHECKPOINT).note = "none known"
            return
        signed = "signed by the key you gave" if self._log_keys else "roots only"
        signed += "" if kept else ", its own"
        self._pass(CHECKPOINT, len(notes), signed)

    def _check_checkpoint(self, raw: bytes) -> None:
        text = parse_note(raw).text
        if self._log_keys:
            text, _ = verify_note(raw, self._log_keys)
        head, log = parse_checkpoint(text), self._links.log
        expected = origin(self._links.founded.chain)
        if head.origin != expected:
            raise LedgerError("bad_checkpoint", expected=expected, found=head.origin)
        if head.size > log.size:
            raise LedgerError(
                "incomplete", expected=f"{head.size} leaves", found=log.size
            )
        height = self._links.height_of_size(head.size)
        if log.root(head.size) != head.root:
            raise LedgerError(
                "bad_checkpoint",
                expected=head.root.hex(),
                found=log.root(head.size).hex(),
                height=height,
                size=head.size,
            )

    # -- signatures and replay ----------------------------------------------------

    def check_contents(self) -> None:
        """Verify every signature and, beside it, replay every block."""
        signatures = _Signatures(self._links.founded, self._workers)
        child: ConfinedReplay | None = None
        with ExitStack() as undo:
            undo.callback(signatures.close)
            if self._trust.genesis:
                secret = self.found.facts.secret
                child = ConfinedReplay(secret, self._limits, self._report_replay)
                undo.enter_context(child)
            try:
                is_all = self._feed(signatures, child)
                signatures.drain()
            except LedgerError as error:
                raise _first_fault(error, child) from error
            self.found.signatures = signatures.verified
            if is_all:
                self._pass(SIGNATURES, signatures.verified, "Ed25519")
            if child is not None:
                self._take_replay(child.finish())

    def _report_replay(self, blocks: int) -> None:
        self._report(Progress(REPLAY, blocks, self.found.facts.blocks))

    def _feed(self, signatures: _Signatures, child: ConfinedReplay | None) -> bool:
        """Hand out all blocks; false if the child stopped listening before."""
        hashes = self._links.header_hashes
        for block in self._blocks(SIGNATURES):
            height = block.height
            if height >= len(hashes) or digest(block.header) != hashes[height]:
                raise LedgerError("changed_meanwhile", check=COMPLETE, height=height)
            signatures.add(block)
            if child is not None and not child.send(block):
                return False  # it found something, or ended: its answer says which
        return True

    def _take_replay(self, replay: ReplayReport) -> None:
        facts = self.found.facts
        self.found.replay = replay
        counts = (replay.blocks, replay.transactions)
        if counts != (facts.blocks, facts.transactions):
            raise LedgerError(
                "incomplete", expected=facts.blocks, found=replay.blocks, check=REPLAY
            )
        self._pass(REPLAY, replay.blocks, "blocks")
        checked = sum(replay.books.values())
        self._pass(BOOKS, checked, f"records, {len(replay.books)} rules")
        self._pass(SWEEPS, replay.sweeps, "sweeps")
        for row in replay.aside:
            self.found.remarks.append(f"set aside after failing: {row}")


def _first_fault(error: LedgerError, child: ConfinedReplay | None) -> LedgerError:
    """Return the fault of the lower block: the child may be behind or ahead."""
    if child is None:
        return error
    try:
        child.finish()
    except LedgerError as other:
        if _height_of(other) < _height_of(error):
            return other
    return error


def _height_of(error: LedgerError) -> int:
    height = error.details.get("height")
    # Without a height it says nothing about which block was first.
    return height if isinstance(height, int) else 2**53


class _Work(NamedTuple):
    """A signature to verify, and where it stands."""

    public: bytes
    message: bytes
    signature: bytes
    height: int
    transaction: str


class _Signatures:
    """Verifies signatures in threads, in order, as blocks come in."""

    def __init__(self, founded: Founded, workers: int) -> None:
        self.verified = len(founded.envelope.signatures)
        self._keys = {
            key_id(bytes.fromhex(key.public)): bytes.fromhex(key.public)
            for member in founded.genesis.members
            for key in member.keys
        }
        self._pool = ThreadPoolExecutor(workers)
        self._most = 4 * workers
        self._work: list[_Work] = []
        self._running: deque[Future[int]] = deque()

    def add(self, block: Block) -> None:
        """Take over a block's signatures; earlier ones may be found wrong."""
        try:
            # Leaf 0 is the genesis, whose signatures were verified as parsed.
            envelopes = block.transactions[1 if block.height == 0 else 0 :]
            transactions = [parse_transaction(raw) for raw in envelopes]
            check_receipts(block, transactions)
        except LedgerError as error:
            raise located(error, block.height, LINKS) from error
        for transaction in transactions:
            self._add_transaction(block.height, transaction)
            self._learn_keys(transaction)

    def _add_transaction(self, height: int, transaction: Transaction) -> None:
        message = transaction.envelope.preimage
        for signature in transaction.envelope.signatures:
            public = self._keys.get(signature.key_id)
            if public is None:
                raise LedgerError(
                    "unknown_key",
                    found=signature.key_id,
                    check=SIGNATURES,
                    height=height,
                    transaction=transaction.id,
                )
            self._work.append(
                _Work(public, message, signature.value, height, transaction.id)
            )
        if len(self._work) >= BATCH:
            self._submit()

    def _learn_keys(self, transaction: Transaction) -> None:
        """Remember keys that an act brings; whether it may is for the replay."""
        for text in _new_keys(transaction):
            try:
                public = bytes.fromhex(text)
                admit_public_key(public)
            except (LedgerError, ValueError):
                continue  # a refused act may name anything; this signs nothing
            self._keys[key_id(public)] = public

    def _submit(self) -> None:
        self._running.append(self._pool.submit(_verify_batch, self._work))
        self._work = []
        while len(self._running) > self._most:
            self.verified += self._running.popleft().result()

    def drain(self) -> None:
        """Wait until all signatures taken over are verified.

        Raises:
            LedgerError: of the first that is not good, with its place.
        """
        if self._work:
            self._submit()
        while self._running:
            self.verified += self._running.popleft().result()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)


def _verify_batch(work: list[_Work]) -> int:
    for item in work:
        try:
            verify_signature(item.public, item.message, item.signature)
        except LedgerError as error:
            raise LedgerError(
                error.code,
                expected=error.expected,
                found=error.found,
                check=SIGNATURES,
                height=item.height,
                transaction=item.transaction,
            ) from error
    return len(work)


def _new_keys(transaction: Transaction) -> list[str]:
    """Return the public keys that ``member.admit`` or ``key.add`` names."""
    if transaction.act == "key.add":
        rows: object = [transaction.body.get("key")]
    elif transaction.act == "member.admit":
        member = transaction.body.get("member")
        rows = member.get("keys") if isinstance(member, dict) else []
    else:
        return []
    if not isinstance(rows, list):
        return []  # no model has seen the body yet: it may hold anything
    return [str(row.get("public", "")) for row in rows if isinstance(row, dict)]
