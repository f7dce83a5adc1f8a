"""Who is related to whom, and so attests, vouches or keeps money for whom not."""

from contracts.kit.v1.rule import Context, Record

BANK_ROLES = ("settlement_bank", "settlement_agent")
GUARDIANS = ("lender", "regulator")
# Members of one name that are looked at, of whom a document may mean any.
SAME_NAME_MAX = 100


def is_related(ctx: Context, one: str, other: str) -> bool:
    """Say whether two members are the same or of one group."""
    if one == other:
        return True
    group = ctx.need("member", one).get("group", "")
    return bool(group) and group == ctx.need("member", other).get("group", "")


def is_bank(ctx: Context, member: str) -> bool:
    """Say whether a member is a settlement bank or agent; no operator ever is one."""
    roles = ctx.need("member", member)["roles"]
    return "operator" not in roles and any(role in roles for role in BANK_ROLES)


def own_side(ctx: Context, account: Record, debtor: str, *, own: bool = False) -> str:
    """Return who may not keep the money of an account for a debtor, "" if nobody.

    Whoever attests it, or does so again once it is solvent, is not of its group. Its
    owner is a bank of another group or, where it is to be its own, of its group.
    """
    owner, vacated = account["owner"], account.get("vacated", {"attester": ""})
    related = is_related(ctx, debtor, owner)
    if related != own or not (own or is_bank(ctx, owner)):
        return str(owner)
    for side in (account["attester"], vacated["attester"]):
        if side and is_related(ctx, debtor, side):
            return str(side)
    return ""


def need_apart(
    ctx: Context, account: Record, debtor: str, *, own: bool = False
) -> None:
    """Refuse an account that may not keep money for a debtor, as ``own_side`` says.

    Raises:
        Refusal: ``debtors_account``; ``not_a_bank``, an owner of no group of its.
    """
    side = own_side(ctx, account, debtor, own=own)
    if side:
        known = is_related(ctx, debtor, side)
        ctx.refuse("debtors_account" if known else "not_a_bank", member=side)


def need_guardian(ctx: Context, guardian: str, concerned: list[str]) -> None:
    """Refuse who is no lender or regulator, or not independent of those concerned.

    Raises:
        Refusal: ``no_channel``; ``group_conflict``.
    """
    roles = ctx.need("member", guardian)["roles"]
    if not any(role in roles for role in GUARDIANS):
        ctx.refuse("no_channel", guardian=guardian)
    if "operator" in roles:
        ctx.refuse("group_conflict", guardian=guardian)
    need_unrelated(ctx, guardian, concerned)


def need_unrelated(ctx: Context, signer: str, concerned: list[str]) -> None:
    """Refuse a signer that is one of those concerned, or related to one.

    Args:
        ctx: the context.
        signer: member id.
        concerned: ids, or names as they stand on a document; a name is a member's
            if it is registered under it.

    Raises:
        Refusal: ``group_conflict``.
    """
    for name in concerned:
        same = ctx.scan("members", "", name + "/", SAME_NAME_MAX) if name else []
        known = [member["id"] for member in same if member["name"] == name]
        if name and ctx.read("member", name) is not None:
            known.append(name)
        if any(is_related(ctx, signer, member) for member in known):
            ctx.refuse("group_conflict", member=signer)
