"""Checkpoints: signed tree heads in the form of C2SP signed notes.

A checkpoint is the only thing a node signs about history: the origin of the
log, its size just after a header leaf, and its root. It has no extension
lines, as cosignatures of witnesses would not cover them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger.encoding import decode_base64, encode_base64
from ledger.errors import LedgerError
from ledger.keys import SigningKey, admit_public_key, verify_signature
from ledger.log import HASH_BYTES

ORIGIN_PREFIX: Final = "allonge/"
ORIGIN_HEX: Final = 32
NOTE_BYTES_MAX: Final = 65_536
SIGNATURES_MAX: Final = 100
SIZE_MAX: Final = 2**63 - 1

_ED25519: Final = b"\x01"  # signature type of C2SP
_HASH_BYTES: Final = 4
_MARK: Final = "— "  # em dash and a space, before each signature
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f]+")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROLS: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class LogKey:
    """The name and public key under which a node or witness signs notes.

    Attributes:
        name: key name, without spaces or plus signs.
        public: Ed25519 public key, 32 bytes.
    """

    name: str
    public: bytes

    @property
    def key_hash(self) -> bytes:
        """The 4 bytes by which signatures refer to this key."""
        whole = self.name.encode() + b"\n" + _ED25519 + self.public
        return sha256(whole).digest()[:_HASH_BYTES]

    def to_vkey(self) -> str:
        """Return the key as one line, ``name+hash+base64``."""
        raw = encode_base64(_ED25519 + self.public)
        return f"{self.name}+{self.key_hash.hex()}+{raw}"

    @classmethod
    def from_vkey(cls, text: str) -> LogKey:
        """Return the key of a line, admitted as an Ed25519 key.

        Raises:
            LedgerError: ``bad_vkey``, another form, or hash and key differ;
                ``bad_key``, the point is not admissible.
        """
        name, _, rest = text.partition("+")
        found, _, encoded = rest.partition("+")
        raw = _base64(encoded, "bad_vkey")
        if not _NAME.fullmatch(name) or raw[:1] != _ED25519:
            raise LedgerError("bad_vkey", expected="name+hash+Ed25519 key")
        admit_public_key(raw[1:])
        key = cls(name, raw[1:])
        if key.to_vkey() != text:
            raise LedgerError("bad_vkey", expected=key.key_hash.hex(), found=found)
        return key


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """A signature line of a note.

    Attributes:
        name: name of the signer.
        key_hash: 4 bytes.
        signature: the rest; 64 bytes if it is plain Ed25519.
    """

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signatures that have not been verified.

    Attributes:
        text: ends with a line feed.
        signatures: in the order of the note.
    """

    text: str
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log.

    Attributes:
        origin: which log it is.
        size: number of leaves.
        root: root hash over them.
    """

    origin: str
    size: int
    root: bytes


def origin(chain: str) -> str:
    """Return the origin line of a chain's log.

    Args:
        chain: 64 hexadecimal digits.
    """
    return ORIGIN_PREFIX + chain[:ORIGIN_HEX]


def encode_checkpoint(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint, three lines.

    Raises:
        LedgerError: ``bad_note``, what would not be read back the same.
    """
    text = f"{origin}\n{size}\n{encode_base64(root)}\n"
    if parse_checkpoint(text) != Checkpoint(origin, size, root):
        raise LedgerError("bad_note", expected="three lines", found=ascii(text))
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the head that a text of exactly three lines names.

    Raises:
        LedgerError: ``bad_note``.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise LedgerError("bad_note", expected="origin, size and root, nothing more")
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) > SIZE_MAX:
        raise LedgerError("bad_note", expected="a size", found=ascii(lines[1][:24]))
    root = _base64(lines[2], "bad_note")
    if len(root) != HASH_BYTES:
        raise LedgerError("bad_note", expected="a root of 32 bytes", found=len(root))
    return Checkpoint(lines[0], int(lines[1]), root)


def sign_note(text: str, name: str, key: SigningKey) -> bytes:
    """Return the text as a note signed by one key.

    Args:
        text: ends with a line feed.
        name: name of the signer, without spaces or plus signs.
        key: the signer's key.

    Raises:
        LedgerError: ``bad_note``, what could not be read back.
    """
    raw = (text + "\n" + sign_line(text, name, key)).encode()
    if parse_note(raw).text != text:
        raise LedgerError("bad_note", expected="a text that ends with a line feed")
    return raw


def sign_line(text: str, name: str, key: SigningKey) -> str:
    """Return a signature line, to be added to a note of the same text."""
    found = LogKey(name, key.public).key_hash + key.sign(text.encode())
    return f"{_MARK}{name} {encode_base64(found)}\n"


def parse_note(raw: bytes) -> Note:
    """Return text and signatures of a note, none of them verified.

    Raises:
        LedgerError: ``too_large``; ``bad_note``, another form.
    """
    if len(raw) > NOTE_BYTES_MAX:
        raise LedgerError("too_large", expected=NOTE_BYTES_MAX, found=len(raw))
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LedgerError("bad_note", expected="UTF-8") from error
    if _CONTROLS.search(whole):
        raise LedgerError("bad_note", expected="no control characters")
    head, gap, tail = whole.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise LedgerError("bad_note", expected="a text, an empty line, signatures")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise LedgerError("bad_note", expected=f"at most {SIGNATURES_MAX} signatures")
    return Note(head + "\n", tuple(_parse_signature(line) for line in lines))


def _parse_signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    raw = _base64(encoded, "bad_note")
    if not (line.startswith(_MARK) and _NAME.fullmatch(name)):
        raise LedgerError("bad_note", expected="a dash, a name and a signature")
    if len(raw) <= _HASH_BYTES:
        raise LedgerError("bad_note", expected="a key hash and a signature")
    return NoteSignature(name, raw[:_HASH_BYTES], raw[_HASH_BYTES:])


def _base64(text: str, code: str) -> bytes:
    try:
        return decode_base64(text)
    except LedgerError as error:
        raise LedgerError(code, expected="base64", found=ascii(text[:24])) from error


def verify_note(raw: bytes, keys: Iterable[LogKey]) -> tuple[str, tuple[LogKey, ...]]:
    """Return the text of a note and those of the keys that signed it.

    Signatures of other keys are passed over, as witnesses add theirs. A
    signature that names one of the keys must be good: one bad line spoils
    the note.

    Raises:
        LedgerError: ``too_large`` or ``bad_note``, the form;
            ``bad_signature``, a signature of one of the keys is not good;
            ``untrusted``, none of the keys signed.
    """
    note = parse_note(raw)
    known = {(key.name, key.key_hash): key for key in keys}
    signers: list[LogKey] = []
    for line in note.signatures:
        key = known.get((line.name, line.key_hash))
        if key is not None:
            verify_signature(key.public, note.text.encode(), line.signature)
            signers.append(key)
    if not signers:
        raise LedgerError("untrusted", expected="a signature of a known log key")
    return note.text, tuple(dict.fromkeys(signers))


def verify_checkpoint(raw: bytes, origin: str, keys: Iterable[LogKey]) -> Checkpoint:
    """Return the head that a note states of the log with this origin.

    Args:
        raw: the note as received.
        origin: of the log that is expected.
        keys: the keys that may speak for it.

    Raises:
        LedgerError: as ``verify_note``; ``bad_note``, the text is no
            checkpoint; ``bad_checkpoint``, it is that of another log.
    """
    text, _ = verify_note(raw, keys)
    found = parse_checkpoint(text)
    if found.origin != origin:
        raise LedgerError(
            "bad_checkpoint", expected=origin, found=ascii(found.origin[:64])
        )
    return found
