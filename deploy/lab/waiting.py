"""Waiting for conditions: with a bound, never blindly."""

import time


class Timeout(AssertionError):
    """A condition did not come true in time."""


def wait_for(what, condition, timeout=10.0, interval=0.02):
    """Polls `condition` until it is true and returns its value; `what` says in the error what never came."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Timeout(f"not within {timeout:g} s: {what}")
        time.sleep(interval)
