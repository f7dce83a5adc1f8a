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


def show_tick(page: Page) -> str:
    """Show ``ledger.tick``."""
    page.line("member", page.id("member", "member"))
    page.ask_count(1)
    return "move block time on; nothing else changes"


ACTS: Final[Mapping[str, ShowAct]] = MappingProxyType(
    {
        "key.add": show_add_key,
        "key.revoke": show_revoke_key,
        "ledger.tick": show_tick,
        "member.admit": show_admit,
        "member.resume": show_resume,
        "member.suspend": show_suspend,
        "policy.set": show_set_policy,
    }
)
