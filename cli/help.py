"""``allonge help``: what is not in the help of a single command."""

from __future__ import annotations

import click

from cli.terminal import EXIT_MEANINGS, json_option, print_facts, print_json, print_text


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
