"""``allonge help``: what is not in the help of a single command."""

from __future__ import annotations

import click

from cli.terminal import (
    EXIT_MEANINGS,
    PROGRAM,
    json_option,
    print_facts,
    print_json,
    print_text,
)
from ledger.errors import LedgerError


@click.command("help")
@click.argument("topic", nargs=-1)
@json_option
@click.pass_context
def help_command(ctx: click.Context, topic: tuple[str, ...], *, as_json: bool) -> None:
    """Explain the TOPIC exit-codes, or a command and its options."""
    if topic == ("exit-codes",):
        _print_exit_codes(as_json=as_json)
        return
    text = _command_help(ctx.find_root(), topic)
    if as_json:
        print_json({"command": " ".join(topic), "help": text})
        return
    for line in text.splitlines():
        print_text(line)


def _print_exit_codes(*, as_json: bool) -> None:
    if as_json:
        rows = [{"exit": code, "meaning": text} for code, text in EXIT_MEANINGS.items()]
        print_json({"exit_codes": rows})
        return
    print_facts({f"{code:>3}": text for code, text in EXIT_MEANINGS.items()})


def _command_help(root: click.Context, path: tuple[str, ...]) -> str:
    context = root
    for name in path:
        group = context.command
        found = None
        if isinstance(group, click.Group):
            found = group.get_command(context, name)
        if found is None:
            raise click.UsageError(f"No such topic or command {name!r}.", root)
        context = click.Context(found, info_name=name, parent=context)
    return context.get_help()


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
def completion(shell: str, *, as_json: bool) -> None:
    """Print what makes SHELL complete words: source it, or keep it with its own.

    For bash: eval "$(allonge completion bash)" in its start file.
    """
    # Few commands complete words, so that the others start without it.
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    found = get_completion_class(shell)
    if found is None:
        raise LedgerError("usage", found=shell)
    script = found(click.Group(PROGRAM), {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE")
    if as_json:
        print_json({"script": script.source()})
    else:
        click.echo(script.source())
