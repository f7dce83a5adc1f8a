"""What members, keys and policies look like on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cli.screen import Page, ShowAct, quote, show_moment, show_offset


def show_policy(page: Page, *path: str | int) -> None:
    """Show how many persons sign what."""
    offset = show_offset(page.number(*path, "offset_minutes"))
    page.line("policy", f"days end at midnight of {offset}")
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


def show_key(page: Page, label: str, *path: str | int) -> None:
    """Show a new key: whose, for what, and whether it proved itself."""
    duties = [page.text(*path, "duties", n) for n in range(page.items(*path, "duties"))]
    public = page.hash(page.text(*path, "public"))
    page.line(label, f"{public} for {', '.join(duties)}")
    page.line("", f"person {page.hash(page.text(*path, 'person'))}")
    if page.has(*path, "proof"):
        page.line("", f"proof {page.text(*path, 'proof')}")


def show_member(page: Page, *path: str | int) -> None:
    """Show a new member: name, roles, identifiers, keys and policy."""
    page.line("member", quote(page.text(*path, "name")))
    roles = [page.text(*path, "roles", n) for n in range(page.items(*path, "roles"))]
    page.line("roles", ", ".join(roles))
    if page.has(*path, "group"):
        page.line("group", page.text(*path, "group"))
    for n in range(page.items(*path, "identifiers")):
        at = (*path, "identifiers", n)
        value = quote(page.text(*at, "value"))
        page.line("identifier", f"{page.text(*at, 'scheme')} {value}")
    for n in range(page.items(*path, "keys")):
        show_key(page, f"key {n + 1}", *path, "keys", n)
    show_policy(page, *path, "policy")


def show_admit(page: Page) -> str:
    """Show ``member.admit``."""
    show_member(page, "member")
    page.line("operator", page.id("member", "operator"))
    if page.has("guardian"):
        page.line("vouched by", page.id("member", "guardian"))
    page.ask_count(page.items("member", "keys"))
    return "a new member joins with these keys"


def _show_status(page: Page, title: str) -> str:
    page.line("member", page.id("member", "member"))
    page.line("operator", page.id("member", "operator"))
    page.line("reason", quote(page.text("reason")))
    page.ask_count(1)
    return title


def show_suspend(page: Page) -> str:
    """Show ``member.suspend``."""
    return _show_status(page, "the member starts no new business from now on")


def show_resume(page: Page) -> str:
    """Show ``member.resume``."""
    return _show_status(page, "the member may start new business again")


def show_add_key(page: Page) -> str:
    """Show ``key.add``."""
    page.line("member", page.id("member", "member"))
    show_key(page, "key", "key")
    page.ask_count(1)
    return "this key may sign for the member from the next block"


def show_revoke_key(page: Page) -> str:
    """Show ``key.revoke``."""
    page.line("member", page.id("member", "member"))
    page.line("key", page.id("key", "key"))
    if page.has("compromised_since_height"):
        height = page.number("compromised_since_height")
        page.line("COMPROMISED", f"since block {height}")
    page.ask_count(1)
    return "this key signs nothing from the next block"


def show_set_policy(page: Page) -> str:
    """Show ``policy.set``."""
    page.line("member", page.id("member", "member"))
    page.line("from", show_moment(page.take("from_time")))
    show_policy(page, "policy")
    page.ask_count(1)
    return "another policy of who must sign"


def show_flag_key(page: Page) -> str:
    """Show ``key.compromised``."""
    page.line("member", page.id("member", "member"))
    page.line("key", page.id("key", "key"))
    page.line("COMPROMISED", f"since block {page.number('since_height')}")
    page.ask_count(1)
    return "what this key did since then is doubtful; it is not undone"


def show_recovery(page: Page) -> str:
    """Show ``recovery.start``."""
    page.line("member", page.id("member", "member"))
    for n in range(page.items("ends")):
        page.line("lost key", page.id("key", "ends", n))
    for n in range(page.items("keys")):
        show_key(page, f"new key {n + 1}", "keys", n)
    _show_governance(page)
    page.document("identity check", "document")
    page.line("after a delay", "unless any key of the member vetoes; nothing moves")
    page.ask_count(page.items("keys"))
    return "new keys take the place of lost ones"


def show_veto(page: Page) -> str:
    """Show ``recovery.veto``."""
    page.line("member", page.id("member", "member"))
    page.ask_count(1)
    return "the recovery that is under way is stopped; all keys stay"


def _show_governance(page: Page) -> None:
    if page.has("operator"):
        page.line("operator", page.id("member", "operator"))
    if page.has("guardian"):
        page.line("vouched by", page.id("member", "guardian"))


def _show_roles(page: Page, title: str) -> str:
    page.line("member", page.id("member", "member"))
    count = page.items("roles")
    page.line("roles", ", ".join(page.text("roles", n) for n in range(count)))
    _show_governance(page)
    page.line("reason", quote(page.text("reason")))
    page.ask_count(count)
    return title


def show_grant_roles(page: Page) -> str:
    """Show ``role.grant``."""
    return _show_roles(page, "the member may act in these roles from now on")


def show_remove_roles(page: Page) -> str:
    """Show ``role.remove``."""
    return _show_roles(page, "the member may no longer act in these roles")


GRANT_WORDS: Final = MappingProxyType(
    {
        "all": "everything on this ledger",
        "member": "what one member sees",
        "programme": "everything of one programme",
        "receivable": "everything of one receivable",
    }
)


def show_give_grant(page: Page) -> str:
    """Show ``grant.give``."""
    page.line("reader", page.id("member", "auditor"))
    covers = page.text("covers")
    page.line("may see", GRANT_WORDS.get(covers, quote(covers)))
    if page.has("subject"):
        kind = covers if covers in ("programme", "receivable") else "member"
        page.line("of", page.id(kind, "subject"))
    page.line("until", show_moment(page.take("until_ms")))
    _show_giver(page)
    page.document("mandate", "document")
    page.ask_count(1)
    return "a reader is shown what others may not see"


def _show_giver(page: Page) -> None:
    if page.has("member"):
        page.line("given by", page.id("member", "member"))
    _show_governance(page)


def show_end_grant(page: Page) -> str:
    """Show ``grant.end``."""
    page.line("grant", page.hash(page.text("grant")))
    _show_giver(page)
    page.ask_count(1)
    return "the reader is shown nothing more under this grant"


WEEKDAYS: Final = (
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)


def _show_days(page: Page, label: str, *path: str | int) -> None:
    if not page.has(*path, 0):
        page.line(label, "none")
        page.left.discard(path)
        return
    days = [page.text(*path, n) for n in range(page.items(*path))]
    for start in range(0, len(days), 5):
        page.line("" if start else label, " ".join(days[start : start + 5]))


def show_calendar(page: Page) -> str:
    """Show ``calendar.publish``."""
    page.line("calendar", page.text("calendar"))
    if page.has("weekend", 0):
        days = [page.number("weekend", n) for n in range(page.items("weekend"))]
        named = [WEEKDAYS[day] if 0 <= day <= 6 else str(day) for day in days]
        page.line("weekend", ", ".join(named))
    else:
        page.line("weekend", "none")
        page.left.discard(("weekend",))
    for n in range(page.items("years")):
        page.line("year", str(page.number("years", n, "year")))
        _show_days(page, "  closed", "years", n, "holidays")
        _show_days(page, "  worked", "years", n, "workdays")
    _show_governance(page)
    page.line("decides", "due dates that are more than 30 days ahead")
    page.ask_count(page.items("years"))
    return "years of a business calendar, as they count from now on"


def show_tick(page: Page) -> str:
    """Show ``ledger.tick``."""
    page.line("member", page.id("member", "member"))
    page.ask_count(1)
    return "move block time on; nothing else changes"


ACTS: Final[Mapping[str, ShowAct]] = MappingProxyType(
    {
        "calendar.publish": show_calendar,
        "grant.end": show_end_grant,
        "grant.give": show_give_grant,
        "key.add": show_add_key,
        "key.compromised": show_flag_key,
        "key.revoke": show_revoke_key,
        "ledger.tick": show_tick,
        "member.admit": show_admit,
        "member.resume": show_resume,
        "member.suspend": show_suspend,
        "policy.set": show_set_policy,
        "recovery.start": show_recovery,
        "recovery.veto": show_veto,
        "role.grant": show_grant_roles,
        "role.remove": show_remove_roles,
    }
)
