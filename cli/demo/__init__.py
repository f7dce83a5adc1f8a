"""The demo, and its chapters."""
