"""The faults by name. A function in one of the files by theme is a fault when it has this decorator."""

from dataclasses import dataclass
from typing import Callable

FAULTS = {}


@dataclass(frozen=True)
class Fault:
    name: str  # that of the function: test_x05_link_down_on_the_active_node
    row: str
    title: str
    run: Callable
    alone: bool  # disturbs others that run at the same time
    full: bool  # too long for the subset
    slow: bool  # begins early, so that it does not run alone at the end
    kinds: tuple
    later: str  # what must exist first; empty: it does


def fault(row, title, alone=False, full=False, slow=False, kinds=("tandem", "keepalived"), later=""):
    def register(function):
        FAULTS[function.__name__] = Fault(function.__name__, row, title, function, alone, full, slow or full, kinds,
                                          later)
        return function
    return register


# Rows that no namespace can produce, or that have nothing to act on yet.
ELSEWHERE = (
    ("X19", "Virtual MAC interface deleted", "tandem refuses `use_vmac`: there is no such interface"),
    ("X23", "Memory pressure", "needs a control group, which is not a namespace's"),
    ("X32", "Firewall on the new node drops flows it does not know", "with the handover of connections"),
    ("X33", "Different versions of the daemon", "with the handover of connections"),
    ("X34", "Peer dies during a handover", "with the handover of connections"),
)
