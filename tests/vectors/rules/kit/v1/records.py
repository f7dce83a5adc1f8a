"""Two kinds: a lot of units, and the tiles that cut it into holdings."""

from contracts.kit.v1.rule import Kind, Record

KINDS = (Kind("lot"), Kind("tile", scoped=True, interval=True))


def check_changes(changes: list[tuple[Record | None, Record | None]]) -> str:
    """Return the name of a broken invariant over touched records, or ""."""
    for _, after in changes:
        if after is not None and after["kind"] == "lot" and after["size"] > 10**12:
            return "I7"
    return ""
