"""What the demo shows at its end: who got what, and how the receivable went."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from cli.amounts import format_amount
from cli.demo.cast import CAST, SUPPLIERS, TITLES
from cli.demo.stage import Stage, expect
from cli.terminal import called_name
from ledger.encoding import JSONObject

COLUMNS = (*("member", "received", "passed on", "paid in", "paid out"), "holds")


def sum_up(stage: Stage) -> JSONObject:
    """Return what each member got, and the lineage, from the ledger itself.

    Raises:
        LedgerError: ``demo_surprise``, the sums do not agree.
    """
    names = {stage.member(actor.name): actor.name for actor in CAST}
    found = stage.run("lineage", stage.facts["name"], wallet="auditor")
    lineage = _describe(found["tree"], names)
    rows = {name: dict.fromkeys(_FIELDS, 0) for name in TITLES}
    for node in walk(lineage):
        rows[node["holder"]]["received_minor"] += node["amount_minor"]
        rows[node["holder"]]["passed_on_minor"] += node["passed_on_minor"]
    for row in stage.run("payout", "list", "--state", "paid", wallet="bank")["items"]:
        rows[names[row["payee"]]]["paid_out_minor"] += row["amount_minor"]
    rows["buyer"]["paid_in_minor"] = stage.facts["part"] + stage.facts["rest"]
    for name in SUPPLIERS:
        held = stage.run("balance", wallet=name)["totals"]
        rows[name]["holds_minor"] = sum(row["amount_minor"] for row in held)
    _check(stage, rows)
    members = [{"member": name, "title": TITLES[name], **rows[name]} for name in rows]
    return {"lineage": lineage, "members": members}


_FIELDS = (
    *("received_minor", "passed_on_minor", "paid_in_minor", "paid_out_minor"),
    "holds_minor",
)


def _describe(node: JSONObject, names: dict[str, str]) -> JSONObject:
    children = [_describe(child, names) for child in node["children"]]
    amount = node["hi"] - node["lo"]
    passed = sum(child["amount_minor"] for child in children)
    return {
        "amount_minor": amount,
        "children": children,
        "holder": names[node["holder"]],
        "kept_minor": amount - passed,
        "lo": node["lo"],
        "passed_on_minor": passed,
    }


def walk(node: JSONObject) -> Iterator[JSONObject]:
    """Yield a step of a lineage and all below it."""
    yield node
    for child in node["children"]:
        yield from walk(child)


def _check(stage: Stage, rows: dict[str, dict[str, int]]) -> None:
    """What was kept was paid, interest was shared out, and nothing is left."""
    for name in SUPPLIERS:
        row = rows[name]
        kept = row["received_minor"] - row["passed_on_minor"]
        row["interest_minor"] = row["paid_out_minor"] - kept
        short = min(0, row["interest_minor"])
        expect(0, short, what=f"what {name} is short of")
        expect(0, row["holds_minor"], what=f"{name} holds")
    interest = sum(rows[name]["interest_minor"] for name in SUPPLIERS)
    expect(stage.facts["interest"], interest, what="interest paid out")
    paid = sum(row["paid_out_minor"] for row in rows.values())
    expect(rows["buyer"]["paid_in_minor"], paid, what="paid out in all")


def draw_table(report: JSONObject, currency: str) -> list[str]:
    """Return the lines of the table of members, of 80 columns at most."""
    # The currency stands once: with it in every cell the lines would not fit.
    rows: list[tuple[str, ...]] = [(f"member, in {currency}", *COLUMNS[1:])]
    for row in report["members"]:
        amounts = [row[name] for name in _FIELDS]
        if any(amounts):
            numbers = [format_amount(a, currency).partition(" ")[2] for a in amounts]
            paid = zip(amounts[:-1], numbers, strict=False)
            shown = [number if a else "-" for a, number in paid]
            rows.append((row["title"], *shown, numbers[-1]))
    widths = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
    return [
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def draw_lineage(report: JSONObject, name: str, currency: str) -> list[str]:
    """Return the lines of the tree: who had which part, and what was paid on it."""
    root = report["lineage"]
    face = format_amount(root["amount_minor"], currency)
    return [f"{name}  {face}  owed by Anchor Buyer", *_branch(root, currency, "")]


def _branch(node: JSONObject, currency: str, indent: str) -> Iterator[str]:
    amount = format_amount(node["amount_minor"], currency)
    kept = format_amount(node["kept_minor"], currency)
    start = format_amount(node["lo"], currency).partition(" ")[2]
    line = f"{indent}+- {TITLES[node['holder']]}: {amount} from {start}"
    yield f"{line}, kept and was paid {kept}"
    for child in node["children"]:
        yield from _branch(child, currency, f"{indent}|  ")


def draw_interest(report: JSONObject, currency: str) -> str:
    """Return the line that says how late interest was shared."""
    shares = ", ".join(
        f"{row['title']} {format_amount(row['interest_minor'], currency)}"
        for row in report["members"]
        if row.get("interest_minor")
    )
    return f"Besides, late interest: {shares or 'none'}"


def suggest(stage: Stage, *, is_kept: bool) -> list[str]:
    """Return what to try next."""
    program = called_name()
    lines = ["Try next:"]
    if is_kept:
        folder = quote(str(stage.folder))
        port = stage.session("auditor").config.node_url.rpartition(":")[2]
        wallet = f"--home {folder}/home --passphrase-file {folder}/passphrase"
        block = f"{stage.facts['confirmed_height']} --genesis {stage.facts['chain']}"
        lines += [
            f"  {program} node start {folder} --clock {folder}/clock --port {port}",
            f"  {program} lineage {stage.facts['name']} --wallet tier-two {wallet}",
            f"  {program} audit explain {folder}/ledger.export {block}",
        ]
    else:
        lines += [
            f"  {program} demo --keep DIR       keep the ledger, the wallets and files",
            f"  {program} demo --file INVOICE   with your own invoice (UBL 2.1 or CII)",
        ]
    return [*lines, f"  {program} errors stale_input    what a refusal means"]
