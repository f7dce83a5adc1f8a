"""``allonge demo``: the business cycle, a tampering, an audit; on a real node.

Everything happens in a folder of its own and on this machine only. The node,
the wallets, the signatures and the refusals are real; only the clock is not.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from cli.terminal import json_option, print_json
from cli.typed import PATH, option
from ledger.encoding import JSONObject

# What can be played, by name: modules with ``STEPS``, and a ``CAST`` of their own
# if the usual one does not do.
CHAPTERS: Final = {
    "life": "cli.demo.steps",
    "sale": "cli.demo.sale",
    "bad-days": "cli.demo.bad_days",
}


@click.command("demo")
@option(
    "--keep",
    PATH,
    "Keep ledger, wallets and files in DIR, which must be empty.",
    metavar="DIR",
)
@option(
    "--file invoice",
    PATH,
    "An invoice of yours (UBL 2.1 or CII) instead of a made-up one.",
    metavar="INVOICE",
)
@option(
    "--chapter",
    click.Choice(list(CHAPTERS)),
    "What is played: the usual life of an invoice, or something else.",
    default="life",
)
@json_option
def demo(
    *, keep: Path | None, invoice: Path | None, chapter: str, as_json: bool
) -> None:
    """Show an invoice become money for three tiers of suppliers, and an audit.

    A node is started on a test chain, eight members sign, pay and are paid,
    what must be refused is tried, and an auditor finds one forged byte. It
    takes some seconds, needs nothing and leaves nothing behind.
    """
    from cli.demo.cast import CAST
    from cli.demo.stage import Stage
    from cli.demo.voice import Voice

    # With --json stdout is for the one object; who waits reads stderr.
    with _end_on_signals(), Voice(sys.stderr if as_json else sys.stdout) as voice:
        voice.show("A receivables ledger on a test chain: nothing on it has value.")
        played = import_module(CHAPTERS[chapter])
        stage = Stage(voice, keep, getattr(played, "CAST", CAST))
        is_life = chapter == "life"
        try:
            result = _play(stage, invoice, played.STEPS, is_life=is_life)
            stage.stop()
            if not as_json:
                _show_end(stage, result, is_life=is_life, is_kept=keep is not None)
        finally:
            stage.close()
    if as_json:
        print_json(result)


def _play(
    stage: Any, invoice: Path | None, steps: Sequence[Any], *, is_life: bool
) -> JSONObject:
    from datetime import UTC, datetime, timedelta

    from cli.demo.report import sum_up
    from cli.demo.stage import OFFSET_MINUTES
    from cli.demo.steps import choose_invoice

    here = datetime.now(UTC) + timedelta(minutes=OFFSET_MINUTES)
    choose_invoice(stage, invoice, here.date())
    stage.commands.clear()
    done: list[JSONObject] = []
    for number, step in enumerate(steps, start=1):
        stage.voice.begin(number, len(steps), step.title)
        began_s = stage.voice.elapsed_s
        facts = step.run(stage)
        elapsed_ms = round((stage.voice.elapsed_s - began_s) * 1000)
        told = {"elapsed_ms": elapsed_ms, "step": number, "title": step.title}
        done.append({**facts, **told, "commands": [*stage.commands]})
        stage.commands.clear()
    return {
        "currency": stage.facts["currency"],
        "elapsed_ms": round(stage.voice.elapsed_s * 1000),
        "steps": done,
        **(sum_up(stage) if is_life else {}),
    }


def _show_end(stage: Any, result: JSONObject, *, is_life: bool, is_kept: bool) -> None:
    from cli.demo.report import draw_interest, draw_lineage, draw_table, suggest

    currency = result["currency"]
    if is_life:
        stage.voice.show(
            "",
            *draw_table(result, currency),
            "",
            *draw_lineage(result, stage.facts["name"], currency),
            draw_interest(result, currency),
        )
    stage.voice.show(
        "",
        f"Everything above was signed, recorded and checked; "
        f"it took {stage.voice.elapsed_s:.1f} s.",
        *suggest(stage, is_kept=is_kept),
    )


@contextmanager
def _end_on_signals() -> Iterator[None]:
    """Let a request to end be like Ctrl-C, so that the node is ended too."""

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
