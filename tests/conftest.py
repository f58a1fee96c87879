"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Under nohup it is ignored, by every process started from here too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
