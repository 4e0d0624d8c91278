"""keepalived-style configurations for the lab, and the times that follow from them."""

from .topology import VIP4, address4


def skew_time(priority, advert_int):
    """Version 3: (256 - priority) * interval / 256, in seconds."""
    return (256 - priority) * advert_int / 256


def active_down_interval(priority, advert_int):
    return 3 * advert_int + skew_time(priority, advert_int)


def vip_lease(advert_int):
    """The default lease: the active down interval of the fastest possible peer in whole seconds, at least one."""
    return max(1, int(active_down_interval(255, advert_int)))


def service(port, upstreams=("up1", "up2"), upstream_port=8080, address=VIP4, algorithm="rr", check=True,
            delay_loop=1, lines=(), checkers=()):
    """One virtual_server block. `checkers`: the lines of each real_server's checks, instead of a TCP_CHECK."""
    text = [f"virtual_server {address} {port} {{", f"    delay_loop {delay_loop}", f"    lb_algo {algorithm}",
            "    protocol TCP", *(f"    {line}" for line in lines)]
    for upstream in upstreams:
        text.append(f"    real_server {address4(upstream)} {upstream_port} {{")
        text.append("        weight 1")
        if checkers:
            text += [f"        {line}" for line in checkers]
        elif check:
            text += ["        TCP_CHECK {", "            connect_timeout 1", "        }"]
        text.append("    }")
    return "\n".join([*text, "}"])


def instance(priority, advert_int=0.2, state="BACKUP", name="VI_1", virtual_router_id=51, addresses=(VIP4,),
             lines=()):
    """One vrrp_instance block, version 3."""
    inner = [f"state {state}", "interface eth0", f"virtual_router_id {virtual_router_id}", "version 3",
             f"priority {priority}", f"advert_int {advert_int:g}", *lines, "virtual_ipaddress {",
             *(f"    {address}" for address in addresses), "}"]
    return "\n".join([f"vrrp_instance {name} {{", *(f"    {line}" for line in inner), "}"])


def configuration(router_id, *blocks, global_lines=()):
    inner = [f"router_id {router_id}", *global_lines]
    return "\n\n".join(["\n".join(["global_defs {", *(f"    {line}" for line in inner), "}"]), *blocks]) + "\n"
