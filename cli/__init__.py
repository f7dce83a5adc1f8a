"""The wallet; whatever of it is loaded knows all its codes."""

from ledger.errors import read_codes, register

register(*read_codes("cli"))
