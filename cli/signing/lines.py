"""How ``screens.txt`` is read: each act's screen, written as people see it.

A line is ``label: text``. ``{name:form}`` in it is a field of the body; the form is
one of those below, has its ``words FORM``, or is the kind of thing that an id names.
Also::

    ? label: text          only if the body has the first field
    ~ label: text          only if the node states it: {offer>giver:member}
    each NAME or TEXT      the lines below for each item, TEXT if there is none
    @NAME FIELD            the lines of a heading, or of a function here
    type FIELD + FIELD     the amount that is typed
    count FIELD            how many are typed; without either, 1

The headings ``record`` and ``record KIND`` name the fields of records that are on no
screen, or there under several labels; ``-`` is for what people need not see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from string import Formatter
from typing import Any, Final

from cli.signing.screen import Page, Place, quote, show_offset, show_rate
from contracts.kit.v1.arithmetic import annual_cost_ppm
from ledger.errors import LedgerError

INDENT: Final = 4
WEEKDAYS: Final = (
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
NUMBERS: Final[Mapping[str, Callable[[int], str]]] = {
    "number": str,
    "offset": show_offset,
    "rate": show_rate,
}
BOOLEANS: Final = {"no": False, "yes": True}
# Which kinds of entries bring money in.
CREDITS: Final = ("receipt", "return", "interest")


# --- reading the file ---


@cache
def read_screens() -> dict[str, tuple[str, Sequence[str]]]:
    """Return title and lines of every heading."""
    found: dict[str, tuple[str, list[str]]] = {}
    text = Path(__file__).with_name("screens.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith(" "):
            list(found.values())[-1][1].append(line[INDENT:])
        elif line and not line.startswith("#"):
            name, _, title = line.partition(":")
            found[name] = (title.strip(), [])
    return dict(found)


@cache
def read_words(form: str) -> Mapping[object, str]:
    """Return what values of a field mean, by ``words FORM``; {} if it has none."""
    lines = read_screens().get(f"words {form}", ("", ()))[1]
    pairs = (line.partition(": ") for line in lines)
    return {BOOLEANS.get(value, value): words for value, _, words in pairs}


@cache
def read_labels() -> dict[tuple[str, str], str]:
    """Return what fields are called: of a kind of record, or ("", field) of any.

    A field has the label of the screens on which it stands, if it has one there.
    """
    of_screens: dict[str, set[str]] = {}
    of_records: dict[tuple[str, str], str] = {}
    for heading, (_, lines) in read_screens().items():
        is_record, _, kind = heading.partition(" ")
        for line in lines:
            label, _, text = line.strip().lstrip("?~ ").partition(":")
            names = [name for name, _ in _fields(text)]
            if is_record == "record":
                hidden = "" if label == "-" else label
                of_records |= {(kind, name): hidden for name in names}
            elif label.islower() and "{" not in label and text.startswith(" {"):
                last = names[0].replace(">", ".").rpartition(".")[2]
                of_screens.setdefault(last, set()).add(label)
    single = {("", n): min(found) for n, found in of_screens.items() if len(found) == 1}
    return single | of_records


def label_of(kind: str, name: str) -> str:
    """Return what people call a record's field, "" if they need not see it."""
    labels = read_labels()
    words = name.removesuffix("_minor").removesuffix("_ms").replace("_", " ")
    return labels.get((kind, name), labels.get(("", name), words))


def show_act(page: Page, act: str) -> str:
    """Show the body of an act and return its title.

    Raises:
        LedgerError: ``unknown_act``; those of the page.
    """
    if "." not in act or act not in read_screens():
        raise LedgerError("unknown_act", found=quote(act[:64]))
    title, lines = read_screens()[act]
    page.ask_count(1)
    show_lines(page, lines)
    return fill(page, title)


def show_block(page: Page, name: str, *path: str | int) -> None:
    """Show the lines of a heading for a part of the body, or call its function."""
    if name in BLOCKS:
        BLOCKS[name](page, path)
    else:
        show_lines(page, read_screens()[name][1], path)


def show_lines(page: Page, lines: Sequence[str], path: Place = (), n: int = 0) -> None:
    """Show lines whose fields are those of a part of the body.

    Args:
        page: the screen.
        lines: as the file has them.
        path: of the part.
        n: which item of a list it is, from 1.
    """
    for position, line in enumerate(lines):
        if line.startswith(" "):
            continue
        word, _, rest = line.partition(" ")
        if word == "each":
            inner = list(_indented(lines[position + 1 :]))
            _show_each(page, rest, inner, path)
        elif word == "type":
            _ask_amount(page, [_path(path, name) for name in rest.split(" + ")])
        elif word == "count":
            page.ask_count(_count(page, path, rest))
        elif _is_shown(page, line, path):
            _show_line(page, line.removeprefix("? ").removeprefix("~ "), path, n)


def _show_line(page: Page, line: str, path: Place, n: int) -> None:
    if line.startswith("@"):
        name, _, rest = line[1:].partition(" ")
        show_block(page, name, *_path(path, rest))
    else:
        label, _, text = line.partition(":")
        page.line(label.replace("{n}", str(n)), fill(page, text.strip(), path))


def _indented(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith(" "):
            return
        yield line[INDENT:]


def _show_each(page: Page, words: str, lines: Sequence[str], path: Place) -> None:
    name, _, otherwise = words.partition(" or ")
    place = _path(path, name)
    if otherwise and page.is_empty(*place):
        _show_line(page, otherwise, path, 0)
        return
    for n in range(page.items(*place)):
        show_lines(page, lines, (*place, n), n + 1)


def _is_shown(page: Page, line: str, path: Place) -> bool:
    if line.startswith("? @"):
        return page.has(*_path(path, line.partition(" ")[2].partition(" ")[2]))
    first = next((name for name, _ in _fields(line)), "")
    if line.startswith("? "):
        return page.has(*_path(path, first))
    return not line.startswith("~ ") or bool(_stated(page, first))


def _fields(line: str) -> Iterator[tuple[str, str]]:
    for _, name, form, _ in Formatter().parse(line):
        if name is not None:
            yield name, form or ""


def _path(path: Place, name: str) -> Place:
    return (*path, *name.split(".")) if name else path


def _ask_amount(page: Page, paths: Sequence[Place]) -> None:
    amount = sum(_size(page, path) for path in paths)
    currency = currency_of(page, paths[0])
    if len(paths) > 1:
        page.line("in all", page.money(amount, currency))
    page.ask_amount(amount, currency)


def _count(page: Page, path: Place, words: str) -> int:
    return int(words) if words.isdigit() else page.items(*_path(path, words))


def _size(page: Page, path: Place) -> int:
    """Return an amount, or how many units an interval has."""
    if page.has(*path, "hi"):
        return page.number(*path, "hi") - page.number(*path, "lo")
    return page.number(*path)


# --- fields ---


def fill(page: Page, text: str, path: Place = ()) -> str:
    """Return a text with its fields in the words of their forms."""
    parts = []
    for before, name, form, _ in Formatter().parse(text):
        parts.append(before)
        if name is not None and ">" in name:
            known = _stated(page, name) or "unknown"
            parts.append(_show_value(page, known, form or ""))
        elif name is not None:
            parts.append(_show_field(page, _path(path, name), form or ""))
    return "".join(parts)


def _stated(page: Page, name: str) -> str:
    """Return what the node states of a thing: ``kind>field``, "" if nothing."""
    kind, _, field = name.partition(">")
    return page.facts.text(kind, page.body.get(kind), field)


def _show_field(page: Page, path: Place, form: str) -> str:
    words = read_words(form)
    if words:
        return words.get(page.take(*path)) or quote(page.text(*path))
    if form in NUMBERS:
        return NUMBERS[form](page.number(*path))
    if form in PARTS:
        return PARTS[form](page, path)
    return _show_value(page, page.text(*path), form)


def _show_value(page: Page, value: str, form: str) -> str:
    words = read_words(form)
    if words:
        return words.get(value, quote(value))
    if form == "quoted":
        return quote(value)
    if form == "hash":
        return page.hash(value)
    return page.name(form, value) if form else value


def currency_of(page: Page, path: Place = ()) -> str:
    """Return the currency of an amount: beside it, else what the node states.

    Shown with an amount, a currency of the body itself counts as shown.
    """
    for place in ((*path[:-1], "currency"), ("currency",)):
        if page.has(*place):
            return page.text(*place)
    known, body = page.facts, page.body
    if "account" in body:
        return known.account_currency(body["account"])
    if "receipt" in body:
        account = known.text("receipt", body["receipt"], "account")
        return known.account_currency(account)
    for kind in ("receivable", "programme", "deal"):
        if kind in body:
            return known.text(kind, body[kind], "currency")
    return ""


def _money(page: Page, path: Place) -> str:
    return page.money(_size(page, path), currency_of(page, path))


def _units(page: Page, path: Place) -> str:
    lo, hi = page.number(*path, "lo"), page.number(*path, "hi")
    return f"{_money(page, path)}, units {lo} to {hi}"


def _list(page: Page, path: Place) -> str:
    return ", ".join(page.text(*path, n) for n in range(page.items(*path)))


# Forms of what is more than one value, and of amounts.
PARTS: Final[Mapping[str, Callable[[Page, Place], str]]] = {
    "count": lambda page, path: str(page.items(*path)),
    "list": _list,
    "moment": lambda page, path: page.moment(page.number(*path)),
    "money": _money,
    "size": _money,
    "units": _units,
}


# --- what lines cannot say ---


def _show_receivable(page: Page, path: Place) -> None:
    """Show the receivable of the body and what is known about it."""
    show_known_receivable(page, page.text(*path, "receivable"))


def show_known_receivable(page: Page, item: str) -> None:
    """Show a receivable and what the node states of it."""
    page.line("receivable", page.hash(item, "receivable"))
    known = page.facts.record("receivable", item)
    parties = [
        f"{role} {page.name('member', known[role])}"
        for role in ("debtor", "supplier")
        if isinstance(known.get(role), str)
    ]
    if parties:
        page.line("", ", ".join(parties))
    dates = [
        f"{label} {known[name]}"
        for name, label in (("due_date", "due"), ("adjusted_date", "paid on"))
        if isinstance(known.get(name), str)
    ]
    if dates:
        page.line("", ", ".join([*dates, f"state {known.get('state', 'unknown')}"]))
    if type(known.get("provisional_until_ms")) is int:
        until = page.moment(known["provisional_until_ms"])
        page.line("", f"paid on: calendar may move it until {until}")


def _show_sold(page: Page, _: Place) -> None:
    receivable = _stated(page, "deal>receivable")
    if receivable:
        show_known_receivable(page, receivable)


def _show_input(page: Page, path: Place) -> None:
    """Show the holding an act starts from; another receivable is named."""
    same = page.text(*path, "receivable")
    other = same != page.body["receivable"]
    of = f" of {page.hash(same, 'receivable')}" if other else ""
    rev = page.number(*path, "rev")
    page.line("from holding", f"{_units(page, path)}, revision {rev}{of}")


def _show_kept(page: Page, _: Place) -> None:
    kept = _size(page, ("input",)) - _size(page, ("part",))
    page.line("kept", page.money(kept, currency_of(page)))


def _show_face(page: Page, _: Place) -> None:
    face = page.number("terms", "gross_minor")
    for n in range(page.items("terms", "deductions")):
        face -= page.number("terms", "deductions", n, "amount_minor")
    page.line("face", page.money(face, currency_of(page)))
    page.ask_amount(face, currency_of(page))


def _show_undertaking(page: Page, _: Place) -> None:
    """Show what the debtor undertakes, and the one account that discharges it."""
    receivable = page.facts.record("receivable", page.body.get("receivable"))
    item = page.body.get("programme") or receivable.get("programme")
    known = page.facts.record("programme", item)
    word = str(known.get("undertaking", ""))
    page.line("undertaking", read_words("undertaking").get(word, "as in the programme"))
    account = str(receivable.get("account") or known.get("account", ""))
    if account:
        page.line("paid only to", page.hash(account, "account"))


def _show_pieces(page: Page, _: Place) -> None:
    cuts = [page.number("cuts", n) for n in range(page.items("cuts"))]
    edges = [page.number("input", "lo"), *cuts, page.number("input", "hi")]
    for n, (lo, hi) in enumerate(pairwise(edges), start=1):
        piece = page.money(hi - lo, currency_of(page))
        page.line(f"piece {n}", f"{piece}, units {lo} to {hi}")
    page.ask_count(len(cuts) + 1)


def _show_annual_cost(page: Page, _: Place) -> None:
    net, start = page.number("price", "net_minor"), page.text("price", "from_date")
    due = _stated(page, "receivable>adjusted_date")
    page.line("annual cost", annual_cost(_size(page, ("part",)), net, start, due))


def annual_cost(face: int, net: int, start: str, due: str) -> str:
    """Return what selling a face for a net costs a year, as people read it.

    Args:
        face: what falls due, in minor units.
        net: what the seller gets.
        start: date from which days count.
        due: adjusted due date, "" if it is not known.
    """
    try:
        days = (date.fromisoformat(due) - date.fromisoformat(start)).days
    except ValueError:
        return "not known: the due date is not stated"
    if days <= 0 or not 0 < net <= face:
        return f"none can be named for {days} days"
    cost = show_rate(annual_cost_ppm(face, net, days))
    return f"{cost}: simple, on what is received, {days} days of 365, half up"


def _show_frozen(page: Page, _: Place) -> None:
    """Show which units are frozen, up to which amount, and where money goes."""
    if page.has("receivable"):
        _show_receivable(page, ())
        known = _stated(page, "receivable>currency")
        lo, hi = page.number("lo"), page.number("hi")
        page.line("units", f"{page.money(hi - lo, known)}, units {lo} to {hi}")
        page.ask_amount(hi - lo, known)
    if page.has("amount_minor"):
        currency = page.text("currency") if page.has("currency") else ""
        page.line("up to", page.money(page.number("amount_minor"), currency))
        page.ask_amount(page.number("amount_minor"), currency)
    if page.has("redirect"):
        show_block(page, "redirect", "redirect")
    else:
        page.line("money", "is HELD until the order ends")


def _show_totals(page: Page, _: Place) -> None:
    totals: dict[str, list[int]] = {}
    for n in range(page.items("entries")):
        amount = page.number("entries", n, "amount_minor")
        both = totals.setdefault(page.text("entries", n, "currency"), [0, 0])
        both[page.text("entries", n, "type") not in CREDITS] += amount
    for currency, (money_in, money_out) in totals.items():
        page.line("credits", page.money(money_in, currency))
        page.line("debits", page.money(money_out, currency))


def _show_payouts(page: Page, _: Place) -> None:
    total, currency = 0, currency_of(page)
    for n in range(page.items("payouts")):
        item = page.text("payouts", n)
        known, words = page.facts.record("payout", item), page.hash(item, "payout")
        amount = known.get("amount_minor")
        if type(amount) is int:
            total += amount
            payee = page.name("member", str(known.get("payee", "")))
            words = f"{page.money(amount, currency)} {words} to {payee}"
        page.line(f"payout {n + 1}", words)
    page.line("in all", f"{page.money(total, currency)} as the node states it")
    page.ask_amount(total, currency)


def _show_approvals(page: Page, path: Place) -> None:
    """Show how many persons sign what."""
    for n in range(page.items(*path, "approvals")):
        at = (*path, "approvals", n)
        action = quote(page.text(*at, "action"))
        currency = page.text(*at, "currency") if page.has(*at, "currency") else ""
        page.line("", f"for {action} {currency or 'without amount'}:")
        for band in range(page.items(*at, "bands")):
            persons = page.number(*at, "bands", band, "persons")
            words = "above that" if band else "always"
            if page.has(*at, "bands", band, "up_to_minor"):
                limit = page.number(*at, "bands", band, "up_to_minor")
                shown = page.money(limit, currency) if currency else str(limit)
                words = f"up to {shown} a day"
            page.line("", f"  {words}: {persons} of its persons")


def _show_change(page: Page, _: Place) -> None:
    """Show the change of account that is answered, and what is known about it."""
    item = page.text("payto")
    page.line("change", item)
    known = page.facts
    debt, account = (
        known.text("payto", item, name) for name in ("receivable", "account")
    )
    if debt:
        show_known_receivable(page, debt)
    for label, to in (
        ("until now", known.text("receivable", debt, "account")),
        ("paid to", account),
    ):
        if to:
            page.line(label, page.name("account", to))
    until = known.record("payto", item).get("until_ms")
    if type(until) is int:
        page.line("answers by", page.moment(until))


def _show_subject(page: Page, _: Place) -> None:
    covers = page.text("covers")
    if page.has("subject"):
        kind = covers if covers in ("programme", "receivable") else "member"
        page.line("of", page.id(kind, "subject"))


def _show_days(page: Page, _: Place) -> None:
    """Show weekend and years of a calendar, five dates a line."""
    weekend = _items(page, page.number, "weekend")
    named = [WEEKDAYS[day] if 0 <= day <= 6 else str(day) for day in weekend]
    page.line("weekend", ", ".join(named) or "none")
    for n in range(page.items("years")):
        page.line("year", str(page.number("years", n, "year")))
        for label, name in (("  closed", "holidays"), ("  worked", "workdays")):
            days = _items(page, page.text, "years", n, name) or ["none"]
            for start in range(0, len(days), 5):
                page.line("" if start else label, " ".join(days[start : start + 5]))


def _items(page: Page, read: Callable[..., Any], *path: str | int) -> list[Any]:
    if page.is_empty(*path):
        return []
    return [read(*path, n) for n in range(page.items(*path))]


BLOCKS: Final[Mapping[str, Callable[[Page, Place], None]]] = {
    "annual_cost": _show_annual_cost,
    "approvals": _show_approvals,
    "change": _show_change,
    "days": _show_days,
    "face": _show_face,
    "frozen": _show_frozen,
    "input": _show_input,
    "kept": _show_kept,
    "payouts": _show_payouts,
    "pieces": _show_pieces,
    "receivable": _show_receivable,
    "sold": _show_sold,
    "subject": _show_subject,
    "totals": _show_totals,
    "undertaking": _show_undertaking,
}
