"""Processes that verify: the same verdicts, and never one too many."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from ledger import verifying
from ledger.children import Child
from ledger.errors import InvariantBroken, LedgerError
from ledger.keys import VERIFIER_CASES, Claim, SigningKey
from ledger.verifying import BATCH_LEAST, Verifiers, pack_claims, serve

ROOT = Path(__file__).parents[2]
KEY = SigningKey.from_seed(bytes(range(32)))


def claim(text: str, *, sound: bool = True) -> Claim:
    """Return a signature of a text, or of another one."""
    signed = text if sound else text + "!"
    return Claim(KEY.public, text.encode(), KEY.sign(signed.encode()))


SOUND = [[claim(f"sound {n}")] for n in range(BATCH_LEAST)]


@pytest.fixture
def verifiers() -> Iterator[Verifiers]:
    """Give two processes."""
    with Verifiers() as made:
        yield made


def refusals(found: list[LedgerError | None]) -> list[str]:
    """Return the codes, empty where a group was accepted."""
    return ["" if error is None else error.code for error in found]


def test_processes_judge_as_this_one_does(verifiers: Verifiers) -> None:
    """Each known case has the same verdict here and in another process."""
    groups = [
        [Claim(bytes.fromhex(case.public), case.message, bytes.fromhex(case.signature))]
        for case in VERIFIER_CASES
    ]
    expected = ["" if case.verified else "bad_signature" for case in VERIFIER_CASES]
    assert refusals(verifiers.judge(SOUND + groups))[len(SOUND) :] == expected
    assert [refusals(verifiers.judge([group]))[0] for group in groups] == expected


def test_a_group_holds_if_all_of_it_does(verifiers: Verifiers) -> None:
    """One false signature refuses its envelope and no other."""
    false = claim("f", sound=False)
    groups = [
        *SOUND,
        [claim("a"), false],
        [claim("b"), claim("c")],
        [false, claim("d")],
    ]
    expected = ["bad_signature", "", "bad_signature"]
    assert refusals(verifiers.judge(groups)) == [""] * len(SOUND) + expected
    odd = Claim(KEY.public, b"", b"short")
    assert refusals(verifiers.judge([*SOUND, [odd]]))[-1] == "bad_signature"


def test_nothing_signed_is_not_verified(verifiers: Verifiers) -> None:
    """An envelope without signatures can never be found right."""
    with pytest.raises(InvariantBroken):
        verifiers.judge([*SOUND, []])


def test_a_few_are_verified_here(verifiers: Verifiers) -> None:
    """A single transaction starts no process."""
    assert refusals(verifiers.judge([[claim("a"), claim("b")]])) == [""]
    assert not verifiers.process_ids


def test_threads_get_their_own_verdicts(verifiers: Verifiers) -> None:
    """Answers go to those who asked, however many ask at once."""

    def ask(n: int) -> bool:
        sound = [(n * m) % 5 != 0 for m in range(1, 9 + n % 7)]
        groups = [[claim(f"{n} {m}", sound=s)] for m, s in enumerate(sound)]
        return [error is None for error in verifiers.judge(groups)] == sound

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(1, 65)))


def test_a_killed_process_accepts_nothing(verifiers: Verifiers) -> None:
    """Whoever waits for it, and whoever comes later, gets an error."""
    verifiers.judge(SOUND)
    for process in verifiers.process_ids:
        os.kill(process, signal.SIGKILL)
    for _ in range(3):
        with pytest.raises(LedgerError) as caught:
            verifiers.judge(SOUND)
        assert caught.value.code == "verifier_failed"


@pytest.mark.parametrize(
    "answer", [b"", b"\1" * (BATCH_LEAST - 1), b"\2" * BATCH_LEAST], ids=repr
)
def test_an_answer_of_another_form_is_none(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few verdicts, or bytes that are none, are an error of the batch."""

    def start(_module: str) -> Child:
        code = f"import sys; sys.stdout.buffer.write({answer!r})"
        command = [sys.executable, "-c", code]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe)

    monkeypatch.setattr(verifying, "start_child", start)
    with Verifiers(1) as made, pytest.raises(LedgerError) as caught:
        made.judge(SOUND)
    assert caught.value.code == "verifier_failed"


def test_signals_to_all_leave_the_verdicts_to_the_node(verifiers: Verifiers) -> None:
    """A node that is told to stop first seals what waits."""
    verifiers.judge(SOUND)
    for process in verifiers.process_ids:
        os.kill(process, signal.SIGTERM)
        os.kill(process, signal.SIGINT)
    assert refusals(verifiers.judge(SOUND)) == [""] * len(SOUND)


def test_closing_ends_the_processes() -> None:
    """Nothing runs on, and nothing is judged any more."""
    with Verifiers() as made:
        made.judge(SOUND)
        processes = made.process_ids
    assert len(processes) == 2
    assert not any(map(runs, processes))
    with pytest.raises(LedgerError) as caught:
        made.judge(SOUND)
    assert caught.value.code == "verifier_failed"


def test_processes_end_with_their_parent() -> None:
    """A node that is killed leaves nothing behind."""
    code = (
        "from ledger.verifying import *\n"
        "from ledger.keys import SigningKey\n"
        "key = SigningKey.generate()\n"
        "made = Verifiers()\n"
        "made.judge([[Claim(key.public, b'', key.sign(b''))]] * BATCH_LEAST)\n"
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
    whole = pack_claims([claim("a"), claim("b")])
    answers = BytesIO()
    serve(BytesIO(whole), answers)
    assert answers.getvalue() == b"\1\1"
    for length in range(1, len(whole), 7):
        answers = BytesIO()
        serve(BytesIO(whole[:length]), answers)
        assert b"\1\1" not in answers.getvalue()
