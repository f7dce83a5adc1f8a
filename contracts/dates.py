"""Due dates that a later version of the calendar moves, once, before they count."""

from contracts.kit.v1 import (
    Context,
    Record,
    Rule,
    due_moment_ms,
    is_open,
    put_dates,
)

rule = Rule("receivable", part="dates", writes=("receivable",))


@rule.job("receivable", "decide_date")
def decide_date(ctx: Context, target: Record) -> None:
    """30 days before the nominal date: its business day stands from now on."""
    if not is_open(target) or "provisional_until_ms" not in target:
        return
    programme = ctx.need("programme", target["programme"])
    dated = put_dates(ctx, programme, target)
    ctx.write(dated)
    if dated["adjusted_date"] != target["adjusted_date"]:
        due_ms = due_moment_ms(programme, dated["adjusted_date"])
        ctx.schedule(dated, "due", due_ms)
        ctx.emit(
            "date_moved", receivable=target["id"], adjusted_date=dated["adjusted_date"]
        )
