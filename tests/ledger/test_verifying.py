"""Processes that read and verify: the same verdicts, and never one too many."""

from __future__ import annotations

import marshal
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from ledger import verifying
from ledger.children import Child
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from ledger.transactions import (
    TYPE_TRANSACTION,
    Signature,
    build_payload,
    pack_envelope,
    parse_transaction,
    preimage,
)
from ledger.verifying import BATCH_LEAST, Verdict, Verifiers, serve

ROOT = Path(__file__).parents[2]
KEYS = [SigningKey.from_seed(bytes(range(n, n + 32))) for n in range(2)]
PUBLICS = {key.key_id: key.public for key in KEYS}


def find_public(key_id: str) -> bytes:
    """Return a key that is registered here."""
    return PUBLICS.get(key_id, b"")


def envelope(n: int, sound: Sequence[bool] = (True,)) -> bytes:
    """Return an envelope with a signature of it, or of something else, by each key."""
    payload = build_payload(
        act="lot.new",
        body={"n": n},
        by=["0" * 64],
        chain="0" * 64,
        nonce=f"{n:032x}",
        not_after=1,
        rule="0" * 64,
    )
    message = preimage(TYPE_TRANSACTION, payload)
    signatures = [
        Signature(key.key_id, key.sign(message if holds else b"other"))
        for key, holds in zip(KEYS, sound, strict=False)
    ]
    return pack_envelope(TYPE_TRANSACTION, payload, signatures)


SOUND = [envelope(n) for n in range(BATCH_LEAST)]


@pytest.fixture
def verifiers() -> Iterator[Verifiers]:
    """Give two processes."""
    with Verifiers() as made:
        yield made


def refusals(found: Sequence[Verdict | None]) -> list[str]:
    """Return the codes, empty where nothing is wrong."""
    return [
        ("none" if verdict is None else verdict.refusal and verdict.refusal.code) or ""
        for verdict in found
    ]


def test_a_process_reads_what_this_one_would(verifiers: Verifiers) -> None:
    """A transaction that was read elsewhere is the same in every field."""
    raws = [*SOUND, envelope(99, (True, True))]
    found = verifiers.judge(raws, find_public)
    assert found == [Verdict(parse_transaction(raw), None) for raw in raws]
    assert len(verifiers.process_ids) == 2


def test_one_false_signature_refuses_its_envelope_alone(verifiers: Verifiers) -> None:
    """Among any number of sound ones, first or last."""
    wrong = [(True, False), (True, True), (False, True), (False,)]
    raws = [*SOUND, *(envelope(n, sound) for n, sound in enumerate(wrong))]
    expected = ["bad_signature", "", "bad_signature", "bad_signature"]
    found = refusals(verifiers.judge(raws, find_public))
    assert found == [""] * len(SOUND) + expected


def test_a_key_is_known_by_its_digest(verifiers: Verifiers) -> None:
    """Nothing verifies under a key that its id does not name, nor under none."""
    first, second = KEYS
    for other in (second.public, b"", first.public[:-1]):
        found = verifiers.judge(SOUND, lambda _, public=other: public)
        assert refusals(found) == ["unknown_key"] * len(SOUND)


def test_a_wrong_form_is_told_with_what_was_found(verifiers: Verifiers) -> None:
    """There is no transaction then, and no more to say of its signatures."""
    found = verifiers.judge([*SOUND, b"x" * 70_000], find_public)[-1]
    assert found is not None
    assert found.transaction is None
    assert found.refusal is not None
    told = (found.refusal.code, found.refusal.expected, found.refusal.found)
    assert told == ("too_large", "65535 bytes", "70000")


def test_a_few_are_left_to_the_caller(verifiers: Verifiers) -> None:
    """A single transaction starts no process."""
    few = SOUND[1:]
    assert verifiers.judge(few, find_public) == [None] * len(few)
    assert not verifiers.process_ids


def test_what_a_process_cannot_tell_is_left_to_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A defect met by one envelope ends neither its batch nor the process."""

    def fail(raw: bytes) -> object:
        if raw == SOUND[1]:
            raise RuntimeError
        return parse_transaction(raw)

    monkeypatch.setattr(verifying, "parse_transaction", fail)
    answers = BytesIO()
    serve(BytesIO(message([(raw, list(PUBLICS.values())) for raw in SOUND])), answers)
    rows = marshal.loads(answers.getvalue()[4:])
    assert [row is None for row in rows] == [raw == SOUND[1] for raw in SOUND]


def message(value: object) -> bytes:
    """Return a message as processes take and give it."""
    raw = marshal.dumps(value)
    return struct.pack(">I", len(raw)) + raw


def test_threads_get_their_own_verdicts(verifiers: Verifiers) -> None:
    """Answers go to those who asked, however many ask at once."""

    def ask(n: int) -> bool:
        sound = [(n * m) % 5 != 0 for m in range(1, 9 + n % 7)]
        raws = [envelope(n * 100 + m, [holds]) for m, holds in enumerate(sound)]
        found = [code == "" for code in refusals(verifiers.judge(raws, find_public))]
        return found == sound

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(1, 65)))


def test_a_killed_process_accepts_nothing(verifiers: Verifiers) -> None:
    """Whoever waits for it, and whoever comes later, gets an error."""
    verifiers.judge(SOUND, find_public)
    for process in verifiers.process_ids:
        os.kill(process, signal.SIGKILL)
    for _ in range(3):
        with pytest.raises(LedgerError) as caught:
            verifiers.judge(SOUND, find_public)
        assert caught.value.code == "verifier_failed"


SAID = [(None, None)] * (BATCH_LEAST - 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        message(SAID),
        message([*SAID, 1]),
        message([*SAID, (1, None)]),
        message([*SAID, (None, ("bad_signature",))]),
        message([*SAID, (None, None)])[:-1],
    ],
    ids=["none", "short", "number", "unread", "half", "cut"],
)
def test_an_answer_of_another_form_is_none(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few verdicts, or what is none, are an error of the batch."""

    def start(_module: str) -> Child:
        code = f"import sys; sys.stdout.buffer.write({answer!r})"
        command = [sys.executable, "-c", code]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe)

    monkeypatch.setattr(verifying, "start_child", start)
    with Verifiers(1) as made, pytest.raises(LedgerError) as caught:
        made.judge(SOUND, find_public)
    assert caught.value.code == "verifier_failed"


def test_signals_to_all_leave_the_verdicts_to_the_node(verifiers: Verifiers) -> None:
    """A node that is told to stop first seals what waits."""
    verifiers.judge(SOUND, find_public)
    for process in verifiers.process_ids:
        os.kill(process, signal.SIGTERM)
        os.kill(process, signal.SIGINT)
    assert refusals(verifiers.judge(SOUND, find_public)) == [""] * len(SOUND)


def test_closing_ends_the_processes() -> None:
    """Nothing runs on, and nothing is judged any more."""
    with Verifiers() as made:
        made.judge(SOUND, find_public)
        processes = made.process_ids
    assert len(processes) == 2
    assert not any(map(runs, processes))
    with pytest.raises(LedgerError) as caught:
        made.judge(SOUND, find_public)
    assert caught.value.code == "verifier_failed"


def test_processes_end_with_their_parent() -> None:
    """A node that is killed leaves nothing behind."""
    code = (
        "from ledger.verifying import *\n"
        "made = Verifiers()\n"
        "made.judge([b''] * BATCH_LEAST, lambda _: b'')\n"
        "print(*made.process_ids, flush=True)\n"
        "input()\n"
    )
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as parent:
        told = b"" if parent.stdout is None else parent.stdout.readline()
        parent.kill()
    processes = [int(word) for word in told.split()]
    assert len(processes) == 2
    deadline = time.monotonic() + 60
    while any(map(runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(runs, processes))


def runs(process: int) -> bool:
    """Say whether a process is there and has not ended."""
    try:
        told = Path(f"/proc/{process}/stat").read_text("ascii")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] != "Z"


def test_half_a_batch_has_no_answer() -> None:
    """A node that ends in the middle of a batch gets no verdicts."""
    whole = message([(raw, list(PUBLICS.values())) for raw in SOUND[:2]])
    answers = BytesIO()
    serve(BytesIO(whole), answers)
    assert answers.getvalue()
    for length in range(1, len(whole), 7):
        answers = BytesIO()
        serve(BytesIO(whole[:length]), answers)
        assert not answers.getvalue()
