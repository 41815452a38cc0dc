"""Running a guest again from the log: what it was told before it is told again, and what it does is compared."""
