"""This machine against the budgets."""
