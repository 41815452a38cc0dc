"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# How long an example takes is a matter of the machine: timings are benchmarks, not tests.
settings.register_profile("perdure", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("perdure")

# No test may leave a master key in the keyring of whoever runs it; those that want a keyring start one.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
