"""What a source file must be as text, before any parser sees it.

The bounds keep the parser away from texts that could exhaust it, and the
reader away from texts that do not say what they show.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Final, NoReturn

from ledger.errors import LedgerError

SOURCE_BYTES_MAX: Final = 46_900
BRACKETS_MAX: Final = 24
OPERATORS_MAX: Final = 150
CHOICES_MAX: Final = 300
DIGITS_MAX: Final = 38

_TOKEN: Final = re.compile(
    r"""
    (?P<prefix>[A-Za-z]*)(?P<text>
        \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
      | "(?:[^"\\\n]|\\.)+" | '(?:[^'\\\n]|\\.)+' | ""(?!") | ''(?!')
    )
  | (?P<comment>\#[^\n]*)
  | (?P<number>\.?[0-9][0-9A-Za-z_.]*)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<chain>[\])][ ]*[\[(])
  | (?P<open>[\[({])
  | (?P<close>[\])}])
  | (?P<operator>[-+*/%<>=!&|^~@.]+)
  | (?P<end>\n)
  | (?P<plain>[ ,:])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD_OPERATORS: Final = frozenset(
    ("and", "else", "if", "in", "is", "lambda", "not", "or", "await")
)
_UNSEEN: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def refuse(path: str, line: int, found: str, reason: str, fix: str) -> NoReturn:
    """Refuse a source file.

    Args:
        path: of the file in the rulebook.
        line: counted from 1.
        found: the construct.
        reason: why rules do without it.
        fix: what to write instead.

    Raises:
        LedgerError: ``rule_refused``.
    """
    raise LedgerError(
        "rule_refused", found=found, path=path, line=line, reason=reason, fix=fix
    )


def check_text(path: str, source: str) -> None:
    """Accept a text that fits a transaction and shows all it holds.

    Raises:
        LedgerError: ``rule_refused``.
    """
    unseen = _UNSEEN.search(source)
    if unseen:
        refuse(
            path,
            source.count("\n", 0, unseen.start()) + 1,
            f"character U+{ord(unseen[0]):04X}",
            "readers must see all there is",
            "use spaces, plain newlines and visible characters",
        )
    size_bytes = len(source.encode())
    if size_bytes > SOURCE_BYTES_MAX:
        refuse(
            path,
            source.count("\n") + 1,
            f"{size_bytes} bytes",
            f"a file is published in one transaction, {SOURCE_BYTES_MAX} bytes",
            "split the file; each part has its own rule = Rule(…, part=…)",
        )


def check_tokens(path: str, source: str) -> None:
    """Accept a text that is plain, shallow and reads alike on every Python.

    Raises:
        LedgerError: ``rule_refused``.
    """
    _Tokens(path).check(source)


class _Tokens:
    """Walks the tokens once; knows only the line and what is open there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._line = 1
        self._open = 0
        self._operators = 0
        self._choices = 0

    def check(self, source: str) -> None:
        """Refuse the first token that is out of bounds."""
        for match in _TOKEN.finditer(source):
            text = match[0]
            if not text.isascii():
                self._refuse(
                    "a character beyond ASCII",
                    "letters of other scripts can pose as these",
                    "write ASCII; texts for people belong into the wallet",
                )
            kind = str(match.lastgroup)
            getattr(self, "_see_" + kind, self._see_nothing)(text)
            if kind == "text":
                self._see_prefix(match["prefix"])
            self._line += text.count("\n")

    def _refuse(self, found: str, reason: str, fix: str) -> NoReturn:
        refuse(self._path, self._line, found, reason, fix)

    def _see_nothing(self, text: str) -> None:
        pass

    def _see_prefix(self, prefix: str) -> None:
        if prefix:
            self._refuse(
                f"a text prefixed {prefix}",
                "formatting reaches attributes and differs between Pythons",
                'a plain text; join with "-".join((a, str(b)))',
            )

    def _see_text(self, text: str) -> None:
        for escape in _ESCAPE.finditer(text):
            if escape[1] not in "\\'\"n":
                self._refuse(
                    f"escape {escape[0]!r}",
                    "its meaning depends on tables of the Python version",
                    "write the characters themselves",
                )

    def _see_number(self, text: str) -> None:
        if not text.replace("_", "").isdigit():
            self._refuse(
                f"number {text[:20]}",
                "fractions are not exact on every machine",
                "whole numbers: minor units, parts per million; written in decimal",
            )
        if len(text) > DIGITS_MAX:
            self._refuse(
                "a number of many digits",
                "numbers have at most 128 bits",
                "a smaller one",
            )

    def _see_word(self, text: str) -> None:
        if text in _WORD_OPERATORS:
            self._see_operator(text)
        elif text == "elif":
            self._choices += 1
            if self._choices > CHOICES_MAX:
                self._refuse(
                    "too many elif",
                    "the parser's depth is bounded",
                    "a dict or a split",
                )

    def _see_operator(self, text: str) -> None:
        self._operators += len(text) if text[0] in "-+~" else 1
        if self._operators > OPERATORS_MAX:
            self._refuse(
                f"more than {OPERATORS_MAX} operators in one statement",
                "the parser's depth is bounded",
                "name the parts first",
            )

    def _see_chain(self, text: str) -> None:
        self._see_operator(text)

    def _see_open(self, text: str) -> None:
        del text
        self._open += 1
        if self._open > BRACKETS_MAX:
            self._refuse(
                f"more than {BRACKETS_MAX} brackets open",
                "the parser's depth is bounded",
                "name the parts first",
            )

    def _see_close(self, text: str) -> None:
        del text
        self._open = max(self._open - 1, 0)

    def _see_end(self, text: str) -> None:
        del text
        if self._open == 0:
            self._operators = 0

    def _see_other(self, text: str) -> None:
        self._refuse(
            f"character {text!r} or an open text",
            "it has no place here",
            "close the text; separate statements by newlines, not by ; or \\",
        )


def parse(path: str, source: str) -> ast.Module:
    """Return the syntax tree of a text that also compiles.

    Raises:
        LedgerError: ``rule_refused``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, path, feature_version=(3, 11))
            compile(source, path, "exec", dont_inherit=True, optimize=0)
    except SyntaxError as error:
        refuse(path, error.lineno or 1, "no valid Python", str(error.msg), "correct it")
    except (RecursionError, MemoryError, ValueError):
        refuse(path, 1, "too deep a text", "the parser gives up", "split expressions")
    return tree
