"""The command line ``allonge``: one group whose commands load when called."""

# ruff: noqa: ARG002 - the methods of a click group all take the context

from __future__ import annotations

import sys
from importlib import import_module
from itertools import pairwise
from typing import Final, NamedTuple

import click
from click.shell_completion import CompletionItem

from cli.terminal import CommandGroup, run_command


class Lazy(NamedTuple):
    """Where a command is, and its line in the help of the group.

    Attributes:
        target: ``module:attribute`` of a click command.
        summary: the line, kept here so that help loads no command.
    """

    target: str
    summary: str


# In the order of the help. To add a command, add its line.
COMMANDS: Final = {
    "demo": Lazy("cli.demo.command:demo", "See an invoice become money, and an audit."),
    "help": Lazy("cli.help:help_command", "Explain exit codes or a command."),
    "errors": Lazy("cli.explain:errors", "Explain an error code."),
    "completion": Lazy("cli.help:completion", "Complete words in your shell."),
    "balance": Lazy("cli.show:balance", "What you hold and are to be paid."),
    "inbox": Lazy("cli.show:inbox", "What waits for your answer."),
    "show": Lazy("cli.show:show", "Show what an id names."),
    "lineage": Lazy("cli.show:lineage", "Who held which part of a receivable."),
    "receipt": Lazy("cli.show:receipt", "What became of a transaction."),
    "certificate": Lazy("cli.certificate:certificate", "A holding on paper."),
    "proof": Lazy("cli.certificate:proof", "Prove a holding, verify such proofs."),
    "watch": Lazy("cli.watch:watch", "Follow what happens, from any event on."),
    "draft": Lazy("cli.draft:draft", "Read an invoice into a draft to sign."),
    "submit": Lazy("cli.receivables:submit", "Claim an invoice from its debtor."),
    "issue": Lazy("cli.receivables:issue", "Undertake to pay an approved invoice."),
    "confirm": Lazy("cli.receivables:confirm", "Undertake to pay what is claimed."),
    "counter": Lazy("cli.receivables:counter", "Propose other terms."),
    "accept": Lazy("cli.receivables:accept", "Accept an offer, or proposed terms."),
    "decline": Lazy("cli.receivables:decline", "Decline an offer, refuse a claim."),
    "cancel": Lazy("cli.receivables:cancel", "Take back what is not live yet."),
    "cancel-live": Lazy("cli.receivables:cancel_live", "Cancel a live one by consent."),
    "split": Lazy("cli.parts:split", "Cut a holding into parts."),
    "merge": Lazy("cli.parts:merge", "Join two neighbouring holdings."),
    "offer": Lazy("cli.parts:offer", "Offer a part to one member."),
    "withdraw": Lazy("cli.parts:withdraw", "Take an offer back."),
    "transfer": Lazy("cli.parts:transfer", "Pass a part on at once; both sign."),
    "quote": Lazy("cli.sale:quote", "Ask for a price, give one, estimate one."),
    "take": Lazy("cli.sale:take", "Take a quote: sell a part at its price."),
    "deal": Lazy("cli.sale:deal", "Prices to be paid: list, received, cancel."),
    "bank": Lazy("cli.bank:bank", "Record entries, close days, match money."),
    "payout": Lazy("cli.payouts:payout", "List, instruct and attest payouts."),
    "pay-early": Lazy("cli.receivables:pay_early", "Pay out before the due date."),
    "pay-to": Lazy("cli.payto:pay_to", "Change the account that is paid to."),
    "redeem": Lazy("cli.recourse:redeem", "Let the debtor pay a holding early."),
    "recourse": Lazy("cli.recourse:recourse", "Call on who passed a holding on."),
    "repurchase": Lazy("cli.recourse:repurchase", "Buy back what was passed on."),
    "advice": Lazy("cli.advice:advice", "Say what a payment will be for."),
    "misdirected": Lazy("cli.payto:misdirected", "Report what went past the account."),
    "waive": Lazy("cli.recourse:waive", "Forgive a small rest and its interest."),
    "reduce": Lazy("cli.disputes:reduce", "Agree that less is owed."),
    "dispute": Lazy("cli.disputes:dispute", "Contest an amount, extend, withdraw."),
    "close": Lazy("cli.disputes:close", "Agree that a default is uncollectable."),
    "freeze": Lazy("cli.orders:freeze", "Orders of an authority: place, release."),
    "insolvency": Lazy("cli.orders:insolvency", "Declare it, report to the court."),
    "sign": Lazy("cli.signing.command:sign", "Sign a prepared file, offline."),
    "send": Lazy("cli.signing.command:send", "Send a signed file."),
    "wallet": Lazy(
        "cli.wallet.command:wallet", "Make, restore, show and back up keys."
    ),
    "member": Lazy("cli.members:member", "Members, keys, policies, accounts."),
    "programme": Lazy("cli.programme:programme", "Agree on terms, show them."),
    "calendar": Lazy("cli.calendar:calendar", "Business days, published years."),
    "node": Lazy("cli.nodes:node", "Found a chain, run and check its node."),
    "audit": Lazy("cli.audit:audit", "Verify, export and explain a ledger."),
    "bench": Lazy(
        "cli.bench.command:bench", "Measure this machine against the budgets."
    ),
}
# Headings of the help, each before the command that it begins with.
SECTIONS: Final = {
    "demo": "Start",
    "balance": "See",
    "draft": "Claims",
    "split": "Pass on and sell",
    "bank": "Money",
    "recourse": "When it goes wrong",
    "sign": "Sign with others",
    "wallet": "Wallets, members, terms",
    "node": "Run and check",
}


def _keep_summaries(command: click.Command) -> None:
    """Let a list of commands wrap what each says first, where click would cut it."""
    for each in getattr(command, "commands", {}).values():
        paragraph = " ".join((each.help or "").partition("\n\n")[0].split())
        first, stop, _ = paragraph.partition(". ")
        each.short_help = each.short_help or first + stop.strip()
        _keep_summaries(each)


class LazyGroup(CommandGroup):
    """A group that imports a command only to run it or to show its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name, importing its module."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module_name, attribute = entry.target.split(":")
        command = getattr(import_module(module_name), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(entry.target)
        _keep_summaries(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first word; a near miss is named.

        Raises:
            click.NoSuchCommand: no command has this name.
        """
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(
                error.command_name, possibilities=COMMANDS, ctx=ctx
            ) from error

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the list of commands without importing them."""
        names = list(COMMANDS)
        starts = [names.index(name) for name in SECTIONS]
        width = max(map(len, names))
        for first, last in pairwise((*starts, len(names))):
            with formatter.section(SECTIONS[names[first]]):
                rows = ((name, COMMANDS[name].summary) for name in names[first:last])
                formatter.write_dl([(f"{name:<{width}}", text) for name, text in rows])

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Return completions of a first word without importing commands."""
        found = [
            CompletionItem(name, help=row.summary)
            for name, row in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="allonge", message="%(prog)s %(version)s")
def allonge() -> None:
    """A ledger for receivables: sign, hold, prove, audit.

    Results go to stdout, everything else to stderr. Every command has --help
    and --json; `allonge help exit-codes` lists how commands end.
    """


def main() -> None:
    """Run the command line of this process and end it."""
    sys.exit(run_command(allonge))
