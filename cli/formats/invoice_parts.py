"""What an invoice states, before anyone judges it.

A ``Syntax`` is read into a ``Statement``; fields keep the spelling of the file,
absent ones are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cli.formats.identifiers import Identifier
from cli.formats.markup import Element, Plan, shown
from ledger.errors import LedgerError

FIELD_CHARACTERS_MAX: Final = 500
_NOTE_CHARACTERS_MAX: Final = 2_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Party:
    """A party of the invoice.

    Attributes:
        name: registered name, else trading name.
        country: ISO 3166 code, or empty.
        identifiers: in the order of the file, without repetition.
    """

    name: str
    country: str
    identifiers: tuple[Identifier, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of this party."""
        return {
            "name": self.name,
            "country": self.country,
            "identifiers": [each.to_json() for each in self.identifiers],
        }


@dataclass(frozen=True, slots=True)
class Account:
    """An account the invoice asks to be paid to.

    Attributes:
        number: under scheme ``IBAN`` or ``LOCAL``.
        bic: of the bank, or empty.
        name: of the account's owner, or empty.
    """

    number: Identifier
    bic: str
    name: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of this account."""
        return {**self.number.to_json(), "bic": self.bic, "name": self.name}


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as written.

    Attributes:
        text: number, or empty if absent.
        currency: as the amount itself says, or empty.
    """

    text: str
    currency: str


@dataclass(frozen=True, slots=True)
class Statement:
    """The fields of an invoice that matter for a receivable.

    Attributes:
        syntax: ``ubl`` or ``cii``.
        type_code: UNTDID 1001.
        issue_date: ``YYYY-MM-DD``.
        due_dates: every due date stated, ``YYYY-MM-DD``, without repetition.
        currency: of the document.
        payable: amount due for payment.
        total: amount with VAT.
        prepaid: paid before.
        rounding: added to the amount due.
        payee: who is to be paid, if the invoice says so.
        accounts: where to pay, without repetition.
        means: codes of the ways to pay, UNTDID 4461.
    """

    syntax: str
    type_code: str
    number: str
    issue_date: str
    due_dates: tuple[str, ...]
    currency: str
    payable: Amount
    total: Amount
    prepaid: Amount
    rounding: Amount
    seller: Party
    buyer: Party
    payee: Party | None
    accounts: tuple[Account, ...]
    means: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Syntax:
    """Where a syntax has what a ``Statement`` holds.

    A path is written ``prefix:Name/prefix:Name``, as in the specification.

    Attributes:
        name: ``ubl`` or ``cii``.
        namespaces: prefix -> namespace.
        root: of the document.
        kept: paths to what is kept while a file is read.
        single: paths to sections that come once.
        fields: path to each field that comes once; those of the amounts begin
            below ``sums``, that of ``country`` below a party.
        lists: paths to each field that may repeat; ``names`` below a party.
        read_date: returns a date as ``YYYY-MM-DD``.
        identifiers: yields those of a party, given its country.
        accounts: yields those to pay to.
    """

    name: str
    namespaces: Mapping[str, str]
    root: str
    kept: tuple[str, ...]
    single: tuple[str, ...]
    fields: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    read_date: Callable[[Element | None], str]
    identifiers: Callable[[Element, str], Iterator[Identifier]]
    accounts: Callable[[Element], Iterator[Account]]

    def tags(self, path: str) -> list[str]:
        """Return the tags of a path."""
        parts = (part.partition(":") for part in path.split("/"))
        return [f"{{{self.namespaces[prefix]}}}{name}" for prefix, _, name in parts]

    def plan(self) -> dict[str, Plan]:
        """Return what to keep of a file, by the tag of its root."""
        plan: dict[str, Any] = {}
        for path in self.kept:
            *outer, last = self.tags(path)
            inner = plan
            for tag in outer:
                inner = inner.setdefault(tag, {})
            inner[last] = True
        return {self.tags(self.root)[0]: plan}

    def all(self, element: Element, *paths: str) -> Iterator[Element]:
        """Yield the elements under some paths."""
        for path in paths:
            yield from element.all(*self.tags(path))

    def only(self, element: Element, path: str) -> Element | None:
        """Return the one element under a path, or nothing.

        Raises:
            LedgerError: ``invoice_field_repeated``.
        """
        found = list(self.all(element, path))
        if len(found) > 1:
            name = path.rpartition(":")[2]
            raise LedgerError("invoice_field_repeated", found=name)
        return found[0] if found else None

    def text(self, element: Element, path: str) -> str:
        """Return the text of the one element under a path; empty if absent.

        Raises:
            LedgerError: ``invoice_field_repeated`` or ``bad_invoice_field``.
        """
        return text_of(self.only(element, path))

    def read(self, root: Element) -> Statement:
        """Return what an invoice states.

        Raises:
            LedgerError: ``invoice_field_repeated`` or ``bad_invoice_field``.
        """
        for path in self.single:
            self.only(root, path)
        fields, lists = self.fields, self.lists
        sums = self.only(root, fields["sums"])
        payee = self.only(root, fields["payee"])
        notes = self.all(root, *lists["notes"])
        return Statement(
            syntax=self.name,
            type_code=self.text(root, fields["type_code"]),
            number=self.text(root, fields["number"]),
            issue_date=self.read_date(self.only(root, fields["issue_date"])),
            due_dates=_distinct(map(self.read_date, self.all(root, *lists["due"]))),
            currency=self.text(root, fields["currency"]),
            payable=self._amount(sums, "payable"),
            total=self._amount(sums, "total"),
            prepaid=self._amount(sums, "prepaid"),
            rounding=self._amount(sums, "rounding"),
            seller=self._party(self.only(root, fields["seller"])),
            buyer=self._party(self.only(root, fields["buyer"])),
            payee=self._party(payee) if payee else None,
            accounts=_distinct(self.accounts(root)),
            means=tuple(map(text_of, self.all(root, *lists["means"]))),
            notes=tuple(
                filter(None, (shown(each.text, _NOTE_CHARACTERS_MAX) for each in notes))
            ),
        )

    def _amount(self, sums: Element | None, name: str) -> Amount:
        found = self.only(sums, self.fields[name]) if sums else None
        currency = found.attributes.get("currencyID", "") if found else ""
        return Amount(text_of(found), currency.strip())

    def _party(self, party: Element | None) -> Party:
        if party is None:
            return Party("", "", ())
        country = country_code(self.text(party, self.fields["country"]))
        names = map(text_of, self.all(party, *self.lists["names"]))
        found = (each for each in self.identifiers(party, country) if each.value)
        return Party(next(filter(None, names), ""), country, _distinct(found))


def _distinct(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(item for item in items if item))


def text_of(element: Element | None) -> str:
    """Return the text of an element on one line; empty if it is absent.

    Raises:
        LedgerError: ``bad_invoice_field``, it is too long.
    """
    if element is None:
        return ""
    text = shown(element.text, FIELD_CHARACTERS_MAX + 1)
    if len(text) > FIELD_CHARACTERS_MAX:
        raise LedgerError(
            "bad_invoice_field",
            expected=f"at most {FIELD_CHARACTERS_MAX} characters",
            found=local_name(element.tag),
        )
    return text


def country_code(text: str) -> str:
    """Return two capital letters, or nothing."""
    code = text.upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""


def local_name(tag: str) -> str:
    """Return a tag without its namespace."""
    return shown(tag.rpartition("}")[2])
