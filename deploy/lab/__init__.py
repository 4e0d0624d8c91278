"""The two-node lab: hosts as network namespaces on one machine, real daemons inside.

    client .50 ─┐
    node1  .11 ─┤
    node2  .12 ─┼─ switch (bridge)      198.51.100.0/24 and 2001:db8:51::/64, VIP .100
    up1    .21 ─┤
    up2    .22 ─┘

`Lab` builds and removes it, the other modules run things in it and measure. Used by deploy/quickstart and by the
system tests. Standard library only; needs root. Every name carries a prefix of its own run, nothing of the machine's
own network is touched, and CLOCK_MONOTONIC, common to all namespaces, is the time of every measurement.
"""
