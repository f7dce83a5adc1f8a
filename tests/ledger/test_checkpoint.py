"""Checkpoints in the form of C2SP signed notes."""

import base64
from dataclasses import replace

import pytest

from ledger.checkpoint import (
    NOTE_BYTES_MAX,
    Checkpoint,
    LogKey,
    encode_checkpoint,
    origin,
    parse_checkpoint,
    parse_note,
    sign_line,
    sign_note,
    verify_checkpoint,
    verify_note,
)
from ledger.errors import LedgerError
from ledger.keys import SMALL_ORDER, SigningKey

CHAIN = "0123456789abcdef" * 4
ORIGIN = origin(CHAIN)
NAME = "node-1.example"
KEY = SigningKey.from_seed(bytes(range(32)))
LOG_KEY = LogKey(NAME, KEY.public)
OTHER = SigningKey.from_seed(bytes(range(1, 33)))
HASH = base64.b64encode(bytes(range(32))).decode()
TEXT = encode_checkpoint(ORIGIN, 42, bytes(range(32)))
NOTE = sign_note(TEXT, NAME, KEY)


def refused(code: str, call: object, *arguments: object) -> None:
    """The call raises this code."""
    assert callable(call)
    with pytest.raises(LedgerError) as caught:
        call(*arguments)
    assert caught.value.code == code


def test_a_checkpoint_is_three_lines_and_a_signature() -> None:
    """The bytes are pinned line by line."""
    lines = NOTE.decode().split("\n")
    assert lines[:4] == ["allonge/" + CHAIN[:32], "42", HASH, ""]
    assert lines[4].startswith(f"\u2014 {NAME} ")
    raw = base64.b64decode(lines[4].split(" ")[2])
    assert raw == LOG_KEY.key_hash + KEY.sign(TEXT.encode())
    assert lines[5:] == [""]


def test_a_good_checkpoint_is_read_back() -> None:
    """Origin, size and root come out as they went in."""
    found = verify_checkpoint(NOTE, ORIGIN, [LOG_KEY])
    assert found == Checkpoint(ORIGIN, 42, bytes(range(32)))


def test_verifier_keys_are_one_line() -> None:
    """A key of a log survives its text form."""
    text = LOG_KEY.to_vkey()
    name, found, encoded = text.split("+", 2)
    assert (name, found) == (NAME, LOG_KEY.key_hash.hex())
    assert base64.b64decode(encoded) == b"\x01" + KEY.public
    assert LogKey.from_vkey(text) == LOG_KEY


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_vkey"),
        (NAME, "bad_vkey"),
        (LOG_KEY.to_vkey() + "\n", "bad_vkey"),
        (LOG_KEY.to_vkey().replace(NAME, "another"), "bad_vkey"),
        (LOG_KEY.to_vkey().replace(NAME, "a b"), "bad_vkey"),
        (LOG_KEY.to_vkey().replace(NAME, ""), "bad_vkey"),
        (NAME + "+00000000+" + LOG_KEY.to_vkey().split("+", 2)[2], "bad_vkey"),
        (f"{NAME}+00000000+{base64.b64encode(bytes(33)).decode()}", "bad_vkey"),
        (f"{NAME}+00000000+{base64.b64encode(b'x').decode()}", "bad_vkey"),
        (LogKey(NAME, min(SMALL_ORDER)).to_vkey(), "bad_key"),
        (LogKey(NAME, KEY.public[1:]).to_vkey(), "bad_key"),
    ],
    ids=[
        "empty",
        "name only",
        "a line feed",
        "another name",
        "a space",
        "no name",
        "another hash",
        "another type",
        "too short",
        "small order",
        "31 bytes",
    ],
)
def test_another_form_of_key_is_refused(text: str, code: str) -> None:
    """A key that was cut, edited or is inadmissible is not used."""
    refused(code, LogKey.from_vkey, text)


def test_every_changed_bit_of_a_note_is_noticed() -> None:
    """No flipped bit leaves a note that says anything under the known key."""
    for bit in range(8 * len(NOTE)):
        number = int.from_bytes(NOTE, "big") ^ 1 << bit
        with pytest.raises(LedgerError):
            verify_checkpoint(number.to_bytes(len(NOTE), "big"), ORIGIN, [LOG_KEY])


def test_signatures_of_strangers_are_passed_over() -> None:
    """Witnesses may add theirs; they neither help nor hurt."""
    witness = LogKey("witness.example", OTHER.public)
    line = sign_line(TEXT, witness.name, OTHER)
    both = NOTE + line.encode()
    cosigned = "\u2014 w/4 " + base64.b64encode(bytes(4 + 72)).decode() + "\n"
    assert verify_note(both, [LOG_KEY]) == (TEXT, (LOG_KEY,))
    assert verify_note(both, [LOG_KEY, witness]) == (TEXT, (LOG_KEY, witness))
    assert verify_note(both + line.encode(), [witness]) == (TEXT, (witness,))
    assert verify_note(NOTE + cosigned.encode(), [LOG_KEY]) == (TEXT, (LOG_KEY,))
    refused("untrusted", verify_note, NOTE, [witness])
    refused("untrusted", verify_note, NOTE, [])
    renamed = replace(LOG_KEY, name="another")
    refused("untrusted", verify_note, NOTE, [renamed])


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    """A line that claims a known key must be good, whatever the others are."""
    claimed = LOG_KEY.key_hash + OTHER.sign(TEXT.encode())
    bad = f"\u2014 {NAME} {base64.b64encode(claimed).decode()}\n"
    refused("bad_signature", verify_note, NOTE + bad.encode(), [LOG_KEY])
    short = f"\u2014 {NAME} {base64.b64encode(claimed[:-1]).decode()}\n"
    refused("bad_signature", verify_note, NOTE + short.encode(), [LOG_KEY])


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """A good signature under another origin says nothing about this log."""
    refused("bad_checkpoint", verify_checkpoint, NOTE, origin("f" * 64), [LOG_KEY])
    letter = sign_note("no checkpoint\n", NAME, KEY)
    refused("bad_note", verify_checkpoint, letter, ORIGIN, [LOG_KEY])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        f"\n1\n{HASH}\n",
        f"origin\n1\n{HASH}",
        f"origin\n1\n{HASH}\nextension\n",
        f"origin\n01\n{HASH}\n",
        f"origin\n-1\n{HASH}\n",
        f"origin\n+1\n{HASH}\n",
        f"origin\n\u0661\n{HASH}\n",
        f"origin\n{2**63}\n{HASH}\n",
        f"origin\n1\n{HASH[:-1]}\n",
        "origin\n1\nAAAA\n",
        f"origin\n1\n{HASH[:-2]}9=\n",
    ],
    ids=[
        "nothing",
        "two lines",
        "no origin",
        "no last line feed",
        "an extension",
        "a leading zero",
        "negative",
        "a plus",
        "a foreign digit",
        "too large",
        "no padding",
        "short root",
        "loose bits",
    ],
)
def test_another_form_of_checkpoint_is_refused(text: str) -> None:
    """A text is a checkpoint in one spelling only."""
    refused("bad_note", parse_checkpoint, text)


SIGNED = NOTE.decode().split("\n")[4]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "bad_note"),
        (TEXT.encode(), "bad_note"),
        (TEXT.encode() + b"\n", "bad_note"),
        (NOTE[:-1], "bad_note"),
        (NOTE + b"\n", "bad_note"),
        (NOTE.replace(b"42", b"4\t2"), "bad_note"),
        (NOTE.replace(b"\n", b"\r\n"), "bad_note"),
        (NOTE.replace(b"42", b"\xff"), "bad_note"),
        (f"{TEXT}\n{SIGNED[2:]}\n".encode(), "bad_note"),
        (f"{TEXT}\n-{SIGNED[1:]}\n".encode(), "bad_note"),
        (f"{TEXT}\n\u2014 a+b AAAAAAAA\n".encode(), "bad_note"),
        (f"{TEXT}\n\u2014  AAAAAAAA\n".encode(), "bad_note"),
        (f"{TEXT}\n\u2014 a AAAAAA==\n".encode(), "bad_note"),
        (f"{TEXT}\n\u2014 a AAAAAAA\n".encode(), "bad_note"),
        (NOTE + (SIGNED + "\n").encode() * 100, "bad_note"),
        (NOTE + bytes(NOTE_BYTES_MAX), "too_large"),
    ],
    ids=[
        "nothing",
        "no signature",
        "an empty line only",
        "no last line feed",
        "an empty line more",
        "a tab",
        "carriage returns",
        "no UTF-8",
        "no dash",
        "a hyphen",
        "a plus in the name",
        "no name",
        "no signature bytes",
        "no padding",
        "101 signatures",
        "too large",
    ],
)
def test_another_form_of_note_is_refused(raw: bytes, code: str) -> None:
    """Every departure from the form is named, not skipped."""
    refused(code, parse_note, raw)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (encode_checkpoint, ("a\nb", 1, bytes(32))),
        (encode_checkpoint, ("a", -1, bytes(32))),
        (encode_checkpoint, ("a", 1, bytes(31))),
        (sign_note, ("no line feed", NAME, KEY)),
        (sign_note, ("a\tb\n", NAME, KEY)),
        (sign_note, (TEXT, "a b", KEY)),
    ],
    ids=["origin", "size", "root", "line feed", "tab", "name"],
)
def test_nothing_is_signed_that_would_not_be_read(
    call: object, arguments: tuple[object, ...]
) -> None:
    """Writing refuses what reading would."""
    refused("bad_note", call, *arguments)
