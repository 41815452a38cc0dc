"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes is a matter of the machine: timings are benchmarks, not tests.
settings.register_profile("perdure", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("perdure")
