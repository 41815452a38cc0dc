"""Events of a library, and the extensions they wake: ``events.publish``, ``subscribe`` and what belongs to them."""
