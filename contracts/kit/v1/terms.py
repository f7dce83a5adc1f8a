"""Terms a programme may leave out, and what holds then."""

from contracts.kit.v1.rule import Context, Record

# Absent from a record that leaves it out; a programme never changes, so these
# never change either.
DEFAULTS: dict[str, int | str] = {
    "calendar": "default",
    "charges_to": "owner",
    "day_basis": "booking",
    "dispute_days": 30,
    "early_payment": "allowed",
    "late_close_days": 3,
    "payout_days": 30,
    "payout_min_minor": 0,
    "recall_days": 0,
    "recourse_days": 30,
    "recourse_price": "face_interest",
    "recourse_trigger": "default",
    "suspense_days": 90,
}

# Terms under a name, each the most that a programme of that name may say. The
# Chinese notice of 2025: a norm of six months, a cap of one year, in days that
# are never more.
PRESETS: dict[str, dict[str, int]] = {
    "cn_2025": {"tenor_cap_days": 365, "tenor_norm_days": 180},
}


def preset_breach(programme: Record) -> str:
    """Return the term by which a programme does not follow its preset, or ""."""
    name: str = programme.get("preset", "")
    if not name:
        return ""
    if name not in PRESETS:
        return "preset"
    most = PRESETS[name]
    over = [term for term in most if programme[term] > most[term]]
    return over[0] if over else ""


def number_term(programme: Record, name: str) -> int:
    """Return a term that is a number of days, or of minor units."""
    return int(programme.get(name, DEFAULTS[name]))


def word_term(programme: Record, name: str) -> str:
    """Return a term that is a word."""
    return str(programme.get(name, DEFAULTS[name]))


def settlement_account(programme: Record) -> str:
    """Return the account to which prices are paid under a reference of ours."""
    return str(programme.get("settlement_account", programme["account"]))


def is_own(programme: Record, receivable: Record) -> bool:
    """Say whether a receivable is paid to an account of its debtor's own group."""
    own = bool(programme.get("own_account", False))
    return own and receivable["account"] == programme["account"]


def pledge_lenders(ctx: Context, member: str) -> list[str]:
    """Return the lenders to whom live units of a member are pledged.

    A pledge is named by its lender's id and the loan's: ``<lender>.<loan>``.
    """
    lenders: list[str] = []
    after = ""
    while True:
        tiles = ctx.scan("pledged", member, after, 1)
        if not tiles:
            return lenders
        lenders.append(tiles[0]["pledge"][0:64])
        after = lenders[-1] + "~"
