"""Invoice numbers in the strict form by which they are told apart."""

LOWER = "abcdefghijklmnopqrstuvwxyz"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def normalise_number(number: str) -> str:
    """Return the strict form: ASCII letters in capitals, no spaces."""
    kept = []
    for char in number:
        place = LOWER.find(char)
        if place >= 0:
            kept.append(UPPER[place])
        elif char != " ":
            kept.append(char)
    return "".join(kept)
