"""The audit: a good ledger is VALID, and each forgery is named by its block."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.audit import (
    AuditReport,
    StoredSource,
    Trust,
    explain_block,
    verify_ledger,
)
from ledger.blocks import Block, Header
from ledger.checkpoint import LogKey, encode_checkpoint, origin, sign_note
from ledger.encoding import decode, encode
from ledger.errors import LedgerError
from ledger.export import Export, export_pieces
from ledger.keys import SigningKey
from ledger.log import Log
from ledger.replay import replay_ledger
from ledger.store import Store
from ledger.transactions import parse_transaction
from tests.lives import (
    FACE,
    Life,
    change_header,
    flip,
    full_life,
    live_in,
    relink,
    replay_here,
    source_of,
)
from tests.world import World

LOG_KEY = SigningKey.from_seed(b"\x07" * 32)
NAME = "node.example"
VKEY = LogKey(NAME, LOG_KEY.public).to_vkey()
Blocks = list[Block]


# Replayed in this process.
judge = replay_here()(verify_ledger)


def audit(life: Life, blocks: Sequence[Block]) -> AuditReport:
    """Return the audit of blocks under the genesis of a life."""
    return judge(source_of(life.chain, blocks), Trust(life.chain))


def states(report: AuditReport) -> str:
    """Return the states of checks 1 to 8 as letters."""
    return "".join(check.state[0] for check in report.checks)


def test_a_valid_ledger_is_valid() -> None:
    """Every check holds and says how much it looked at."""
    life = full_life()
    report = verify_ledger(source_of(life.chain, life.blocks), Trust(life.chain))
    assert report.fault is None
    assert (report.verdict, states(report)) == ("VALID", "oooosooo")
    transactions = sum(len(block.transactions) for block in life.blocks)
    assert report.check(1).done == report.check(3).done == len(life.blocks)
    assert report.signatures == report.check(4).done > transactions
    assert report.replay is not None
    assert report.replay.sweeps == report.check(8).done == 3
    # This life knows no order of an authority, no dispute and no reduction.
    unused = {name for name, count in report.replay.books.items() if not count}
    assert unused == {"contests", "orders"}
    assert "a test chain: its clock may be a file" in report.remarks


def test_without_a_pinned_genesis_nothing_is_valid_and_no_rule_runs() -> None:
    """The file cannot vouch for itself."""
    life = full_life()
    report = verify_ledger(source_of(life.chain, life.blocks), Trust())
    assert (report.verdict, states(report)) == ("UNTRUSTED", "osoossss")
    assert report.genesis == life.chain


def test_another_genesis_than_the_pinned_one_is_untrusted() -> None:
    """A whole consistent ledger of somebody else does not pass."""
    life = full_life()
    trust = Trust("ab" * 32)
    report = verify_ledger(source_of(life.chain, life.blocks), trust)
    assert report.verdict == "UNTRUSTED"
    assert report.fault is not None
    assert report.fault.details == {"check": 2, "height": 0}


def test_the_replay_verifies_no_signature_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above block 0 that is the other process's work, and half of all work."""
    life, calls = full_life(), []
    monkeypatch.setattr(
        "ledger.execution.verify_signature", lambda *given: calls.append(given)
    )
    replay_ledger(life.blocks, life.facts.secret)
    assert len(calls) == len(life.blocks[0].transactions) - 1


# --- damage and forgery -------------------------------------------------------


def changed(blocks: Sequence[Block], height: int, **parts: object) -> Blocks:
    """Return blocks of which one has other parts."""
    made = list(blocks)
    made[height] = replace(made[height], **parts)  # type: ignore[arg-type]
    return made


def flip_in(part: str, n: int = 0) -> Callable[[Sequence[Block], int], Blocks]:
    """Return damage: one bit of an envelope, receipt or event."""

    def damage(blocks: Sequence[Block], height: int) -> Blocks:
        rows = list(getattr(blocks[height], part))
        rows[n] = flip(rows[n], len(rows[n]) // 2)
        return changed(blocks, height, **{part: tuple(rows)})

    return damage


def header_field(**fields: object) -> Callable[[Sequence[Block], int], Blocks]:
    """Return damage: a header that says something else."""

    def damage(blocks: Sequence[Block], height: int) -> Blocks:
        made = list(blocks)
        made[height] = change_header(made[height], **fields)
        return made

    return damage


def swap(blocks: Sequence[Block], height: int) -> Blocks:
    """Exchange a block with the next."""
    made = list(blocks)
    made[height], made[height + 1] = made[height + 1], made[height]
    return made


def remove(blocks: Sequence[Block], height: int) -> Blocks:
    """Leave a block out."""
    return [block for block in blocks if block.height != height]


def forge_signature(blocks: Sequence[Block], height: int) -> Blocks:
    """Put a signature that is none under an act, and hash everything anew."""
    envelope = json.loads(blocks[height].transactions[0])
    raw = base64.b64decode(envelope["signatures"][0]["sig"])
    envelope["signatures"][0]["sig"] = base64.b64encode(flip(raw, 3)).decode()
    return reseal(blocks, height, envelope)


def sign_by_stranger(blocks: Sequence[Block], height: int) -> Blocks:
    """Name a key nobody registered, and hash everything anew."""
    envelope = json.loads(blocks[height].transactions[0])
    envelope["signatures"][0]["keyid"] = "00" * 32
    return reseal(blocks, height, envelope)


def admit_without_list(blocks: Sequence[Block], height: int) -> Blocks:
    """Admit a member whose keys are a number, with a receipt that fits."""
    envelope = json.loads(blocks[height].transactions[0])
    payload = decode(base64.b64decode(envelope["payload"]))
    payload |= {"act": "member.admit", "body": {"member": {"keys": 5}}}
    envelope["payload"] = base64.b64encode(encode(payload)).decode()
    made = reseal(blocks, height, envelope)
    act = parse_transaction(made[height].transactions[0]).id
    rows = list(made[height].receipts)
    rows[0] = encode(decode(rows[0]) | {"tx": act})
    return relink(changed(made, height, receipts=tuple(rows)))


def reseal(blocks: Sequence[Block], height: int, envelope: object) -> Blocks:
    """Replace the first envelope of a block and make all links right."""
    raw = json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode()
    rows = (raw, *blocks[height].transactions[1:])
    return relink(changed(blocks, height, transactions=rows))


def relinked(
    damage: Callable[[Sequence[Block], int], Blocks],
) -> Callable[[Sequence[Block], int], Blocks]:
    """Return the damage done by somebody who knows the format."""
    return lambda blocks, height: relink(damage(blocks, height))


def change_receipt(blocks: Sequence[Block], height: int) -> Blocks:
    """Say that an act was refused."""
    receipt = decode(blocks[height].receipts[0]) | {"code": "refused"}
    rows = (encode(receipt), *blocks[height].receipts[1:])
    return relink(changed(blocks, height, receipts=rows))


def omit_sweep(blocks: Sequence[Block], height: int) -> Blocks:
    """Leave the automatic work of a block out, receipts and events."""
    block = blocks[height]
    kept = len(block.transactions)
    return relink(
        changed(blocks, height, receipts=block.receipts[:kept], events=block.events[:2])
    )


def swap_receipts(blocks: Sequence[Block], height: int) -> Blocks:
    """Give a transaction the receipt of a job."""
    rows = blocks[height].receipts[::-1]
    return relink(changed(blocks, height, receipts=rows))


def change_rule(blocks: Sequence[Block], height: int) -> Blocks:
    """Publish another source of a rule under the old signature."""
    rows = list(blocks[height].transactions)
    envelope = json.loads(rows[-1])
    payload = decode(base64.b64decode(envelope["payload"]))
    payload["body"]["source"] += "# harmless\n"
    envelope["payload"] = base64.b64encode(encode(payload)).decode()
    raw = json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode()
    rows[-1] = raw
    return relink(changed(blocks, height, transactions=tuple(rows)))


def first_with(blocks: Sequence[Block], event: str) -> int:
    """Return the height of the first block with an event."""
    return next(
        block.height
        for block in blocks
        if any(decode(raw)["event"] == event for raw in block.events)
    )


SWEEP = first_with(full_life().blocks, "swept")
REVERSED = first_with(full_life().blocks, "line_reversed")
HEAD = len(full_life().blocks) - 1
Forgery = Callable[[Sequence[Block], int], Blocks]
# damage, block touched, block named, check, code, verdict
FORGERIES: dict[str, tuple[Forgery, int, int, int, str]] = {
    "a byte of an envelope": (flip_in("transactions"), 5, 5, 3, "bad_root"),
    "a byte of a rule file": (flip_in("transactions", 3), 0, 0, 3, "rule_mismatch"),
    "a byte of a receipt": (flip_in("receipts"), 7, 7, 3, "bad_root"),
    "a byte of a job": (flip_in("receipts", -1), SWEEP, SWEEP, 3, "bad_root"),
    "a byte of an event": (flip_in("events"), 6, 6, 6, "replay_differs"),
    "header count": (header_field(count=9), 4, 4, 3, "bad_block"),
    "header first": (header_field(first=9), 4, 4, 3, "bad_block"),
    "header height": (header_field(height=9), 4, 4, 3, "bad_block"),
    "header log root": (header_field(log_root="0" * 64), 4, 4, 3, "bad_root"),
    "header prev": (header_field(prev="0" * 64), 4, 4, 3, "bad_block"),
    "header results": (header_field(results_root="0" * 64), 4, 4, 3, "bad_root"),
    "header rules": (header_field(rules="0" * 64), 4, 4, 3, "bad_root"),
    "header time back": (header_field(time=5), 4, 4, 3, "bad_block"),
    "header state root": (header_field(state_root="0" * 64), 4, 5, 3, "bad_block"),
    "last state root": (
        header_field(state_root="0" * 64),
        HEAD,
        HEAD,
        6,
        "replay_differs",
    ),
    "swapped blocks": (swap, 8, 8, 3, "bad_block"),
    "a removed block": (remove, 9, 9, 3, "bad_block"),
    "state root, relinked": (
        relinked(header_field(state_root="0" * 64)),
        4,
        4,
        6,
        "replay_differs",
    ),
    "time, relinked": (
        relinked(header_field(time=1_767_600_000_123)),
        HEAD - 1,
        HEAD - 1,
        3,
        "bad_block",
    ),
    "a removed block, relinked": (relinked(remove), 9, 9, 6, "replay_differs"),
    "swapped blocks, relinked": (relinked(swap), 12, 13, 3, "bad_block"),
    "forged signature": (forge_signature, 6, 6, 4, "bad_signature"),
    "a stranger's signature": (sign_by_stranger, 6, 6, 4, "unknown_key"),
    "keys that are no list": (admit_without_list, 6, 6, 4, "bad_signature"),
    "a changed receipt": (change_receipt, 6, 6, 6, "replay_differs"),
    "an omitted sweep": (omit_sweep, SWEEP, SWEEP, 6, "replay_differs"),
    "receipts in another order": (swap_receipts, HEAD, HEAD, 3, "bad_receipt"),
    "a rule file": (change_rule, 0, 0, 3, "rule_mismatch"),
}


@pytest.mark.parametrize(
    ("forge", "touched", "height", "check", "code"),
    FORGERIES.values(),
    ids=FORGERIES.keys(),
)
def test_a_forgery_is_named_by_block_and_check(
    forge: Forgery, touched: int, height: int, check: int, code: str
) -> None:
    """The first bad block and the check that found it are in the report."""
    life = full_life()
    report = audit(life, forge(life.blocks, touched))
    assert report.fault is not None
    details = report.fault.details
    assert (details["height"], details["check"]) == (height, check)
    assert report.fault.code == code
    mismatch = code == "rule_mismatch"
    assert report.verdict == ("RULE MISMATCH" if mismatch else "TAMPERED")
    assert report.check(check).state == "failed"


def test_missing_blocks_and_wrong_counts_are_incomplete() -> None:
    """Fewer blocks than promised are not a smaller ledger."""
    life = full_life()
    short = replace(source_of(life.chain, life.blocks), given=life.blocks[:-2])
    report = judge(short, Trust(life.chain))
    assert (report.verdict, report.check(1).state) == ("INCOMPLETE", "failed")
    none = replace(source_of(life.chain, life.blocks), given=())
    assert judge(none, Trust(life.chain)).verdict == "INCOMPLETE"


def test_another_salt_secret_is_found() -> None:
    """Without the secret that genesis commits to there is no state root."""
    life = full_life()
    source = source_of(life.chain, life.blocks)
    facts = replace(source.facts, secret=bytes(32))
    report = judge(replace(source, facts=facts), Trust(life.chain))
    assert report.fault is not None
    assert (report.fault.code, report.verdict) == ("bad_secret", "TAMPERED")


# --- checkpoints --------------------------------------------------------------


def note_at(life: Life, height: int, key: SigningKey = LOG_KEY) -> str:
    """Return a signed checkpoint just after a block."""
    log = Log()
    for block in life.blocks[: height + 1]:
        for raw in (*block.transactions, block.header):
            log.append(raw)
    text = encode_checkpoint(origin(life.chain), log.size, log.root())
    return sign_note(text, NAME, key).decode()


def test_checkpoints_that_agree_are_counted() -> None:
    """One from the file and one the auditor kept."""
    life = full_life()
    source = source_of(life.chain, life.blocks, note_at(life, HEAD))
    kept = note_at(life, 7).encode()
    report = judge(source, Trust(life.chain, kept, VKEY))
    assert (report.verdict, report.check(5).state) == ("VALID", "ok")
    assert report.check(5).done == 2


def test_a_ledger_cut_behind_a_known_checkpoint_is_incomplete() -> None:
    """Whoever cuts the tail and mends all counts is found by a kept checkpoint."""
    life = full_life()
    shorter = source_of(life.chain, life.blocks[:-3], note_at(life, HEAD - 3))
    found = judge(shorter, Trust(life.chain))
    # What its node says of itself is no evidence against the node.
    assert (found.verdict, found.check(5).state) == ("VALID", "ok")
    assert found.check(5).note.endswith("its own")
    assert any("you gave no checkpoint" in remark for remark in found.remarks)
    kept = note_at(life, HEAD).encode()
    report = judge(shorter, Trust(life.chain, kept))
    assert (report.verdict, report.check(5).state) == ("INCOMPLETE", "failed")


def test_a_rewritten_history_is_found_by_a_checkpoint() -> None:
    """The same founders sign another history; only the checkpoint knows."""
    life = full_life()
    other = rewritten_life()
    assert other.chain == life.chain
    assert audit(other, other.blocks).verdict == "VALID"
    kept = note_at(life, 9).encode()
    source = source_of(other.chain, other.blocks)
    report = judge(source, Trust(life.chain, kept, VKEY))
    assert report.fault is not None
    assert (report.fault.code, report.verdict) == ("bad_checkpoint", "TAMPERED")
    assert report.fault.details["check"] == 5


def rewritten_life() -> Life:
    """Return the life with its last two blocks left out and one other act."""
    life = full_life()
    world = World()
    # The publications carry random nonces, so even block 0 differs.
    blocks = [recorded(world)]
    world.act("ledger.tick", {"member": world.member("auditor")})
    blocks += [world.last.block] if world.last and world.last.block else []
    while world.chain.header.height < 12:
        world.act("ledger.tick", {"member": world.member("auditor")})
        blocks += [world.last.block] if world.last and world.last.block else []
    return replace(life, chain=world.chain.chain_id, blocks=tuple(blocks))


def recorded(world: World) -> Block:
    """Return block 0 of a world in memory."""
    envelopes = (world.genesis, *world.publications)
    return Block(0, world.chain.header.encode(), envelopes, (), ())


def test_a_checkpoint_by_another_key_is_untrusted() -> None:
    """Under a log key that the auditor gives, its signature must be there."""
    life = full_life()
    stranger = SigningKey.from_seed(b"\x08" * 32)
    source = source_of(life.chain, life.blocks, note_at(life, HEAD, stranger))
    report = judge(source, Trust(life.chain, b"", VKEY))
    assert (report.verdict, report.check(5).state) == ("UNTRUSTED", "failed")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace("allonge/", "allonge/ff"),
        lambda note: note.replace("\n\n", "\nextension\n\n"),
        lambda note: note[:7],
        lambda note: note.replace(note.split("\n")[1], "2"),
    ],
    ids=["origin", "extension", "no note", "size inside a block"],
)
def test_a_spoilt_checkpoint_in_the_file_is_found(spoil: Callable[[str], str]) -> None:
    """What the source says of itself must be whole, even where it is not needed."""
    life = full_life()
    source = source_of(life.chain, life.blocks, spoil(note_at(life, HEAD)))
    report = judge(source, Trust(life.chain))
    assert (report.verdict, report.check(5).state) == ("TAMPERED", "failed")


# --- folders and files ----------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger folder that no test changes."""
    path = tmp_path_factory.mktemp("audit") / "ledger"
    live_in(path)
    return path


def copy_of(folder: Path, target: Path) -> Path:
    """Return a copy to be damaged."""
    target.mkdir()
    for source in folder.iterdir():
        if source.is_file():
            (target / source.name).write_bytes(source.read_bytes())
        else:
            copy_of(source, target / source.name)
    return target


def test_a_folder_is_audited_without_a_trace(folder: Path) -> None:
    """Verification of both copies writes nothing."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ledger = Store.read_only(folder)
    source = StoredSource(ledger)
    report = judge(source, Trust(source.facts.chain))
    ledger.close()
    assert report.verdict == "VALID"
    assert before == {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("statement", "height"),
    [
        ("UPDATE receipts SET receipt = X'7b7d' WHERE height = 6", 6),
        ("UPDATE events SET event = X'7b7d' WHERE height = 9", 9),
        ("UPDATE blocks SET time = time + 1 WHERE height = 4", 4),
        ("UPDATE transactions SET envelope = X'7b7d' WHERE height = 3", 3),
        ("DELETE FROM transactions WHERE height = 9", 9),
    ],
    ids=["receipt", "event", "time", "envelope", "deleted row"],
)
def test_a_changed_row_is_named(
    folder: Path, tmp_path: Path, statement: str, height: int
) -> None:
    """Rows changed at rest are found, though the block log is untouched."""
    copy = copy_of(folder, tmp_path / "copy")
    connection = sqlite3.connect(copy / "ledger.db")
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError) as caught:
        Store.read_only(copy)
    assert caught.value.code == "bad_block"
    assert caught.value.details["height"] == height


def exported() -> tuple[Life, bytes]:
    """Return the life as an export."""
    life = full_life()
    return life, b"".join(export_pieces(life.facts, life.blocks))


def verdict_of(life: Life, raw: bytes) -> str:
    """Return the verdict on an export, or why it is none."""
    try:
        return judge(Export(io.BytesIO(raw)), Trust(life.chain)).verdict
    except LedgerError as error:
        return error.code


def test_every_nth_byte_of_an_export_matters() -> None:
    """No single changed byte of a file passes."""
    life, raw = exported()
    assert verdict_of(life, raw) == "VALID"
    stride = len(raw) // 40
    places = [*range(0, 400, 11), *range(400, len(raw), stride), len(raw) - 2]
    for place in places:
        assert verdict_of(life, flip(raw, place)) != "VALID", place


def test_every_nth_byte_of_a_block_matters_under_new_digests() -> None:
    """Digests of the file are no protection: the audit is."""
    life = full_life()
    found = []
    for block in life.blocks[1:]:
        parts = [*block.transactions, block.header, *block.receipts, *block.events]
        for n, raw in enumerate(parts):
            damaged = list(parts)
            damaged[n] = flip(raw, 37 * (n + 1) + block.height)
            found.append(cut_anew(life, block, damaged))
    stride = max(1, len(found) // 12)
    for blocks in found[::stride]:
        report = audit(life, blocks)
        assert report.verdict == "TAMPERED"


def cut_anew(life: Life, block: Block, parts: list[bytes]) -> Blocks:
    """Return the life with one block's parts replaced."""
    count, receipts = len(block.transactions), len(block.receipts)
    made = list(life.blocks)
    made[block.height] = Block(
        block.height,
        parts[count],
        tuple(parts[:count]),
        tuple(parts[count + 1 : count + 1 + receipts]),
        tuple(parts[count + 1 + receipts :]),
    )
    return made


# --- explaining -----------------------------------------------------------------


def test_a_sweep_is_explained_to_the_cent() -> None:
    """Shares add up, and each is quotient plus what the remainder earned."""
    life = full_life()
    source = source_of(life.chain, life.blocks)
    with replay_here():
        block, figures = explain_block(source, Trust(life.chain), HEAD)
    assert block == life.blocks[HEAD]
    (sweep,) = figures["sweeps"]
    assert (sweep["days_late"], sweep["interest_minor"]) == (12, 90_000)
    for name, total in (("principal", 44_999_999), ("interest", 90_000)):
        rows = sweep[name]
        assert sum(row["share_minor"] for row in rows) == total
        for row in rows:
            quotient, remainder = divmod(
                total * int(row["weight"]), int(row["weight_sum"])
            )
            assert (row["quotient"], row["remainder"]) == (
                str(quotient),
                str(remainder),
            )
            assert row["share_minor"] == quotient + row["extra"]
    paid = {
        line["holder"]: line["principal_minor"] + line["interest_minor"]
        for line in sweep["lines"]
    }
    assert sorted(paid.values()) == [13_527_000, 13_527_000, 18_035_999]
    assert sum(paid.values()) < FACE


def test_without_a_pinned_genesis_nothing_is_replayed_to_explain() -> None:
    """The block is shown, its figures are not."""
    life = full_life()
    source = source_of(life.chain, life.blocks)
    block, figures = explain_block(source, Trust(), HEAD)
    assert (block.height, figures) == (HEAD, {})
    with pytest.raises(LedgerError) as caught:
        explain_block(source, Trust(), HEAD + 1)
    assert caught.value.code == "not_found"


def test_header_of_the_forgeries_is_decodable() -> None:
    """The table above changes what it says it changes."""
    life = full_life()
    made = relink(life.blocks)
    assert [block.header for block in made] == [block.header for block in life.blocks]
    assert Header.decode(made[-1].header).height == HEAD
