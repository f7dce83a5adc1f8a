"""Reading XML of strangers: bounded in bytes, depth, elements and memory.

Only the branches a caller names are kept; everything else (lines, tax
details, attached files) passes through without being stored. Document types
are refused before the parser sees them, so no entity is ever declared,
expanded or fetched.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from ledger.errors import LedgerError

SIZE_BYTES_MAX: Final = 20_000_000
DEPTH_MAX: Final = 64
ELEMENTS_MAX: Final = 500_000
KEPT_MAX: Final = 5_000
TEXT_CHARACTERS_MAX: Final = 20_000
SILENT_BYTES_MAX: Final = 1_000_000
_CHUNK_BYTES: Final = 65_536


_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "iso8859-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
}
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(
    rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,40})["']"""
)
_PROLOG: Final = re.compile(
    r"(?:\s++|<\?(?:(?!\?>)[\s\S])*+\?>|<!--(?:(?!-->)[\s\S])*+-->)*+"
)
# Numbers of libxml2's error table.
_DOCUMENT_END: Final = 5
_UNDECLARED_ENTITY: Final = 26
_LIMITS: Final = frozenset({110, 114})

Plan = Mapping[str, Any]
"""Tags to keep: each maps to a further plan, or to ``True`` for all below."""

Takers = Mapping[str, Callable[["Element"], None]]
"""Who is given the elements of a tag when they end; they are not kept then."""


@dataclass(slots=True)
class Element:
    """A kept element.

    Attributes:
        tag: name in Clark notation, ``{namespace}local``.
        attributes: as in the file.
        children: kept children in order.
        text: character data directly inside.
    """

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, *path: str) -> Iterator[Element]:
        """Yield every element under a path of tags, in order."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.tag == path[0]:
                yield from child.all(*path[1:])

    def first(self, *path: str) -> str:
        """Return the first text under a path that is not empty, or ""."""
        if not path:
            return self.text.strip()
        for child in self.children:
            if child.tag == path[0]:
                found = child.first(*path[1:])
                if found:
                    return found
        return ""


def read_tree(
    raw: bytes,
    plans: Mapping[str, Plan],
    *,
    namespace: str = "",
    takers: Takers | None = None,
    scale: int = 1,
) -> Element:
    """Return the named parts of an XML document.

    A root that is not in ``plans`` is returned empty.

    Args:
        raw: the file, at most ``SIZE_BYTES_MAX`` bytes.
        plans: what to keep, by the tag of the root.
        namespace: whose tags are named without it.
        takers: of elements that come in great numbers.
        scale: how many times the usual bytes and elements there may be, where
            takers see to it that few are kept.

    Raises:
        LedgerError: ``xml_too_large``, ``xml_encoding``, ``xml_entities``,
            ``xml_too_deep``, ``several_documents`` (also several of the roots
            inside a foreign one) or ``xml_broken``.
    """
    if len(raw) > scale * SIZE_BYTES_MAX:
        raise _too_large(f"at most {scale * SIZE_BYTES_MAX} bytes")
    target = _Keeper(plans, f"{{{namespace}}}", takers or {}, scale)
    _feed(raw, target)
    if target.root is None:
        raise LedgerError("xml_broken", found="no element")
    if target.roots > 1:
        raise LedgerError("several_documents", expected="one", found=target.roots)
    return target.root


def _feed(raw: bytes, target: _Keeper) -> None:
    interface: Any = target
    parser = etree.XMLParser(
        target=interface,
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
    )
    try:
        for index, text in enumerate(_texts(raw)):
            if index == 0:
                _refuse_document_type(text)
            parser.feed(text.encode("utf-8"))
            target.check_progress()
        parser.close()
    except etree.XMLSyntaxError as error:
        raise _named(getattr(error, "code", 0), str(error.msg)) from error
    except UnicodeError as error:
        raise LedgerError("xml_encoding", found="bytes of another") from error


def _texts(raw: bytes) -> Iterator[str]:
    name = next((name for mark, name in _MARKS if raw.startswith(mark)), "")
    if not name:
        declared = _DECLARED.match(raw)
        label = declared[1].decode("ascii").lower() if declared else "utf-8"
        name = _ENCODINGS.get(label, "")
        if not name:
            raise LedgerError("xml_encoding", expected="UTF-8", found=label)
    decoder = codecs.getincrementaldecoder(name)("strict")
    for start in range(0, len(raw), _CHUNK_BYTES):
        last = start + _CHUNK_BYTES >= len(raw)
        yield decoder.decode(raw[start : start + _CHUNK_BYTES], last)


def _refuse_document_type(text: str) -> None:
    prolog = _PROLOG.match(text)
    start = prolog.end() if prolog else 0
    if text[start : start + 9].upper() == "<!DOCTYPE":
        raise LedgerError("xml_entities", expected="none", found="<!DOCTYPE")


def _named(number: int, message: str) -> LedgerError:
    if number == _UNDECLARED_ENTITY:
        return LedgerError("xml_entities", expected="none", found=shown(message))
    if number == _DOCUMENT_END and "Extra content" in message:
        return LedgerError("several_documents", expected="one", found=shown(message))
    if number in _LIMITS or "too big" in message:
        return _too_large(shown(message))
    return LedgerError("xml_broken", found=shown(message))


def _too_large(bound: str) -> LedgerError:
    return LedgerError("xml_too_large", expected=bound)


def shown(text: str, characters_max: int = 80) -> str:
    """Return text of a stranger fit for a terminal, on one line, bounded.

    Joiners stay because names in some scripts need them; what could move the
    cursor or turn the direction of writing is replaced by U+FFFD.
    """
    line = " ".join(text[: 4 * characters_max].split())
    marks = (
        mark if mark.isprintable() or mark in "\u200c\u200d" else "\ufffd"
        for mark in line[:characters_max]
    )
    return "".join(marks)


def _count(element: Element) -> int:
    return 1 + sum(map(_count, element.children))


class _Keeper:
    """The parser's target: keeps what the plan names, bounds everything."""

    def __init__(
        self, plans: Mapping[str, Plan], prefix: str, takers: Takers, scale: int
    ) -> None:
        self._plans = plans
        self._prefix = prefix
        self._takers = takers
        self._elements_max = scale * ELEMENTS_MAX
        self._open: list[Element] = []
        self._wanted: list[Any] = []
        self._elements = 0
        self._kept = 0
        self._silent_bytes = 0
        self.root: Element | None = None
        self.roots = 0

    def check_progress(self) -> None:
        """Raise unless something was reported within the last megabyte.

        A tag, comment or instruction reaches this object only when it is
        complete, and until then the parser holds it in memory.
        """
        self._silent_bytes += _CHUNK_BYTES
        if self._silent_bytes > SILENT_BYTES_MAX:
            raise _too_large(f"at most {SILENT_BYTES_MAX} bytes a tag or comment")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Open an element."""
        self._silent_bytes = 0
        self._elements += 1
        if self._elements > self._elements_max:
            raise _too_large(f"at most {self._elements_max} elements")
        if len(self._wanted) >= DEPTH_MAX:
            raise LedgerError("xml_too_deep", expected=f"at most {DEPTH_MAX} levels")
        tag = tag.removeprefix(self._prefix)
        if tag in self._plans:
            self.roots += 1
        self._wanted.append(self._plan(tag))
        if self._wanted[-1] is not None:
            self._keep(Element(tag, dict(attributes)))

    def _plan(self, tag: str) -> Any:
        if not self._wanted:
            return self._plans.get(tag, {})
        above = self._wanted[-1]
        return above if above is True or above is None else above.get(tag)

    def _keep(self, element: Element) -> None:
        self._kept += 1
        if self._kept > KEPT_MAX:
            raise _too_large(f"at most {KEPT_MAX} elements of the header")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _tag: str) -> None:
        """Close an element."""
        self._silent_bytes = 0
        if self._wanted.pop() is None:
            return
        element = self._open.pop()
        taker = self._takers.get(element.tag)
        if taker is not None and self._open:
            del self._open[-1].children[-1]
            self._kept -= _count(element)
            taker(element)

    def data(self, text: str) -> None:
        """Take character data."""
        self._silent_bytes = 0
        if self._wanted[-1] is not True:
            return  # text between parts, or of a part that nobody wants
        element = self._open[-1]
        element.text += text
        if len(element.text) > TEXT_CHARACTERS_MAX:
            raise _too_large(f"at most {TEXT_CHARACTERS_MAX} characters a field")

    def comment(self, _text: str) -> None:
        """Pass over a comment."""
        self._silent_bytes = 0

    def pi(self, _target: str, _text: str | None = None) -> None:
        """Pass over a processing instruction."""
        self._silent_bytes = 0

    def doctype(self, *_names: str | None) -> None:
        """Refuse a document type the prolog check did not reach.

        Raises:
            LedgerError: ``xml_entities``, always.
        """
        raise LedgerError("xml_entities", expected="none", found="<!DOCTYPE")

    def close(self) -> None:
        """End of the document."""
