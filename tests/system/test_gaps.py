"""The gap measurement of measure_gaps.py, once, at a short interval."""

import measure_gaps
import pytest


@pytest.mark.parametrize("event", measure_gaps.EVENTS)
def test_gap_at_a_tenth_of_a_second(pair, event):
    _, goodbye = measure_gaps.EVENTS[event]
    found = measure_gaps.measure(pair, event, 0.1)
    assert found.seconds <= measure_gaps.theory(goodbye, 0.1) + 0.25, found
