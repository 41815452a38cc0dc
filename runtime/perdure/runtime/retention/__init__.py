"""How long histories are kept: finished jobs are folded after their time, what nothing names any more is removed."""
