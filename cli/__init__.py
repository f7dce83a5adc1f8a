"""The wallet; whatever of it is loaded knows all its codes."""

from cli import codes as codes
