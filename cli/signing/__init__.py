"""From an act to its signatures: prepare, show, confirm, sign, send."""
