"""Budgets: how much an extension may use, counted exactly, over restarts too. `budgets` has the limits."""
