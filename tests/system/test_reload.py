"""Another configuration while a pair runs and connections are open."""

import json
import os
import random
import signal
import threading

from lab import config, http
from lab.prober import PACKAGE_PARENT, PYTHON
from lab.processes import Process
from lab.waiting import wait_for

ECHO_PORT = 9000
# 50 000 give some 600 reloads.
EXCHANGES = int(os.environ.get("TANDEM_RELOAD_EXCHANGES", "4000"))


def service_names(node):
    return [service["name"] for service in node.status()["services"]]


def role(node):
    """Another one after any change of state."""
    instance = node.instance()
    return {key: instance[key] for key in ("state", "since", "reason")}, instance["counters"]["became_active"]


def test_reload_applies_the_difference_and_leaves_the_rest_alone(pair):
    pair.start(config.service(80), config.service(81, upstreams=("up1",)))
    node, lab = pair.node1, pair.lab
    before = role(node)
    nothing = node.tandemctl("reload")
    assert (nothing.returncode, nothing.stdout) == (0, "reloaded: nothing has changed\n")
    with lab.client.connect(lab.vip, 80, 5) as kept, lab.client.connect(lab.vip, 81, 5) as removed:
        wait_for("both connections", lambda: sum(s["active"] for s in node.status()["services"]) == 2, 5)
        pair.write(node, config.service(80, upstreams=("up2",)), config.service(82, upstreams=("up1",)))
        result = node.tandemctl("--json", "reload")
        assert result.returncode == 0, result.stdout
        answer = json.loads(result.stdout)
        assert answer["services"] == {
            "added": [f"{lab.vip}:82"], "changed": [f"{lab.vip}:80"], "removed": [f"{lab.vip}:81"]}
        assert service_names(node) == [f"{lab.vip}:80", f"{lab.vip}:82"]
        for connection in (kept, removed):
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert {http.page(lab.client, lab.vip)["upstream"] for _ in range(4)} == {"up2"}
    assert http.page(lab.client, lab.vip, 82)["upstream"] == "up1"
    try:
        lab.client.connect(lab.vip, 81, 5).close()
        assert False, "the removed service accepts"
    except ConnectionRefusedError:
        pass
    assert role(node) == before
    assert node.events("NODE_RELOADED")
    # A service that came with a reload moves with the address like any other.
    pair.node2.tandemctl("reload")
    pair.write(pair.node2, config.service(80, upstreams=("up2",)), config.service(82, upstreams=("up1",)))
    assert pair.node2.tandemctl("reload").returncode == 0
    assert node.tandemctl("failover").returncode in (0, 5)
    pair.wait_roles(pair.node2, node)
    assert http.page(lab.client, lab.vip, 82)["upstream"] == "up1"


def test_what_cannot_run_or_needs_a_restart_changes_nothing(pair):
    pair.start()
    node, lab = pair.node1, pair.lab
    with open(node.configuration, encoding="ascii") as handle:
        good = handle.read()
    with open(node.configuration, "w", encoding="ascii") as handle:
        handle.write("vrrp_instance VI_1 {\n")
    refused = node.tandemctl("reload")
    assert refused.returncode == 3
    assert "nothing has changed" in refused.stdout + refused.stderr
    # A typing error must not take a running service away.
    with open(node.configuration, "w", encoding="ascii") as handle:
        handle.write(good.replace("virtual_server ", "virtual_serve "))
    typing_error = node.tandemctl("reload")
    assert typing_error.returncode == 3
    said = typing_error.stdout + typing_error.stderr
    assert "unknown keyword 'virtual_serve'" in said and "tandemd -t" in said
    assert service_names(node) == [f"{lab.vip}:80"]
    os.unlink(node.configuration)
    assert node.tandemctl("reload").returncode == 3

    with open(node.configuration, "w", encoding="ascii") as handle:
        handle.write(good.replace("global_defs {", "global_defs {\n    @tandem workers 1")
                     + config.service(83))
    restart = node.tandemctl("--json", "reload")
    assert restart.returncode == 3
    assert json.loads(restart.stdout)["needs_restart"] == ["global_defs workers"]
    assert service_names(node) == [f"{lab.vip}:80"]
    assert http.page(lab.client, lab.vip)["upstream"] in ("up1", "up2")

    with open(node.configuration, "w", encoding="ascii") as handle:
        handle.write(good)
    assert node.tandemctl("reload").returncode == 0
    assert len(node.events("NODE_RELOAD_REFUSED")) == 4


def test_a_changed_check_keeps_what_is_known_of_its_server(pair):
    pair.start(config.service(80, upstreams=("up1",), delay_loop=0.1))
    node = pair.node1
    state = lambda: node.status()["services"][0]["upstreams"][0]["state"]  # noqa: E731
    pair.write(node, config.service(80, upstreams=("up1",), checkers=(
        "TCP_CHECK {", "    connect_port 9", "    delay_loop 0.1", "    delay_before_retry 0.1", "}")))
    assert node.tandemctl("reload").returncode == 0
    wait_for("down by the new check", lambda: state() == "down", 10)
    pair.write(node, config.service(80, upstreams=("up1",), checkers=(
        "TCP_CHECK {", "    connect_port 9", "    delay_loop 30", "    warmup 30", "}")))
    assert node.tandemctl("reload").returncode == 0
    assert state() == "down"
    pair.write(node, config.service(80, upstreams=("up1",), delay_loop=0.1))
    assert node.tandemctl("reload").returncode == 0
    wait_for("up by the check of before", lambda: state() == "up", 10)


SECOND = "198.51.100.120"
THIRD = "198.51.100.121"


def reload(node):
    result = node.tandemctl("--json", "reload")
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def test_instances_and_addresses_come_and_go_alone(pair):
    pair.start()
    node, lab = pair.node1, pair.lab
    before = role(node)
    with lab.client.connect(lab.vip, 80, 5) as kept:
        other = config.instance(200, 0.1, name="VI_2", virtual_router_id=52, addresses=(THIRD,))
        pair.write(node, config.service(80), other, config.service(80, address=SECOND),
                   config.service(80, address=THIRD), addresses=(SECOND, lab.vip))
        answer = reload(node)
        assert answer["instances"] == {"added": ["VI_2"], "changed": ["VI_1"], "removed": []}
        assert answer["restarted"] == []
        assert node.has(SECOND) and node.has(lab.vip)
        assert http.page(lab.client, SECOND)["upstream"] in ("up1", "up2")
        wait_for("VI_2 active", lambda: node.instance("VI_2")["state"] == "active", 5)
        assert http.page(lab.client, THIRD)["upstream"] in ("up1", "up2")
        assert role(node) == before

        with lab.client.connect(SECOND, 80, 5) as gone, lab.client.connect(THIRD, 80, 5) as left:
            wait_for("the connections", lambda: sum(s["active"] for s in node.status()["services"]) == 3, 5)
            pair.write(node, config.service(80))
            assert reload(node)["instances"] == {"added": [], "changed": ["VI_1"], "removed": ["VI_2"]}
            for connection in (gone, left):
                connection.settimeout(5)
                try:
                    assert connection.recv(1) == b"", "neither data nor an end in order"
                except ConnectionResetError:
                    pass
        assert not node.has(SECOND) and not node.has(THIRD)
        assert [each["name"] for each in node.status()["instances"]] == ["VI_1"]
        assert role(node) == before
        kept.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert kept.recv(100).startswith(b"HTTP/1.1 200")


def test_what_an_instance_is_changes_in_place_or_begins_anew(pair):
    pair.start()
    node = pair.node1
    before = role(node)
    priority = lambda: node.instance()["effective_priority"]  # noqa: E731
    configured = priority()
    script = 'vrrp_script well {\n    script "/bin/true"\n    interval 1\n    weight 5\n}'
    pair.write(node, config.service(80), script, lines=("track_script {", "    well", "}"))
    assert "vrrp_script well (new)" in reload(node)["others"]
    wait_for("the weight", lambda: priority() == configured + 5, 10)
    pair.write(node, config.service(80), script.replace("5", "7").replace("true", "sh -c 'exit 0'"),
               lines=("track_script {", "    well", "}", "garp_master_refresh 1", "nopreempt"))
    reload(node)
    wait_for("another weight", lambda: priority() == configured + 7, 10)
    pair.write(node, config.service(80))
    reload(node)
    assert priority() == configured
    assert role(node) == before

    # Another virtual router, alone: it gives its address up and claims it again.
    other = lambda number: config.instance(  # noqa: E731
        200, 0.1, name="VI_2", virtual_router_id=number, addresses=(SECOND,))
    pair.write(node, config.service(80), other(52))
    reload(node)
    node.wait_state("active", "VI_2")
    pair.write(node, config.service(80), other(53))
    assert reload(node)["restarted"] == ["VI_2"]
    node.wait_state("active", "VI_2")
    assert node.has(SECOND) and node.instance("VI_2")["virtual_router_id"] == 53
    assert role(node) == before


def random_services(source):
    web = config.service(80, upstreams=source.sample(("up1", "up2"), source.choice((1, 2))),
                         upstream_port=ECHO_PORT, algorithm=source.choice(("rr", "wlc", "sh")),
                         lines=(f"@tandem idle_timeout {source.randint(60, 600)}",))
    return (web, *(config.service(port) for port in source.sample(range(8000, 8005), source.randint(0, 4))))


def random_instances(source, vip):
    """More instances with groups and scripts, as blocks; and what else the first one is, which stays active."""
    others = source.sample(range(2, 5), source.randint(0, 3))
    # Now and then with another number, which makes it another virtual router.
    blocks = [config.instance(200, 0.1, name=f"VI_{number}", virtual_router_id=60 + number + 10 * source.randint(0, 1),
                              addresses=[f"198.51.100.{120 + number}"], lines=source.choice(((), ("nopreempt",))))
              for number in others]
    if len(others) > 1 and source.random() < 0.5:
        blocks.append("vrrp_sync_group G {\n    group {\n" + "".join(f"        VI_{n}\n" for n in others) + "    }\n}")
    lines = [source.choice(("garp_master_refresh 1", "preempt_delay 2", "notify /bin/true"))]
    if source.random() < 0.5:
        blocks.append(f'vrrp_script well {{\n    script "/bin/true"\n    interval {source.randint(1, 2)}\n    weight 5\n}}')
        lines += ["track_script {", "    well", "}"]
    options = {"addresses": [vip, *(f"198.51.100.{130 + n}" for n in source.sample(range(3), source.randint(0, 3)))],
               "lines": lines, "advert_int": source.choice((0.2, 0.3))}
    source.shuffle(options["addresses"])
    return blocks, options


def test_reloads_under_checked_traffic_lose_nothing(pair):
    node, lab = pair.node1, pair.lab
    servers = [Process(lab.hosts[host], [PYTHON, "-m", "lab.exchange", "--serve", ECHO_PORT],
                       pair.scratch(f"{host}-echo.log"), {"PYTHONPATH": PACKAGE_PARENT}) for host in ("up1", "up2")]
    outcome = {}

    def run_traffic():
        outcome["run"] = lab.client.run([
            "env", f"PYTHONPATH={PACKAGE_PARENT}", PYTHON, "-m", "lab.exchange",
            "--connect", lab.vip, 80, "--exchanges", EXCHANGES], check=False, timeout=1800)

    try:
        for server in servers:
            server.wait_output("listening")
        source = random.Random(20)
        first = random_services(random.Random(20))
        pair.start(*random_services(source))
        before = role(node)
        sockets = sockets_of(node.node_pid())
        traffic = threading.Thread(target=run_traffic)
        traffic.start()
        reloads = 0
        while traffic.is_alive() or reloads < 20:
            blocks, options = random_instances(source, lab.vip)
            pair.write(node, *random_services(source), *blocks, **options)
            if reloads % 2:
                result = node.tandemctl("reload")
                assert result.returncode == 0, result.stdout
            else:
                last = last_event(node)
                os.kill(node.process.pid, signal.SIGHUP)
                wait_for("the reload", lambda last=last: any(
                    event["sequence"] > last for event in node.events("NODE_RELOADED")), 10)
            assert all(node.has(address) for address in options["addresses"])
            reloads += 1
        traffic.join()
        result = json.loads(outcome["run"].stdout)
        print(f"{reloads} reloads", result, memory_of(node.node_pid()))
        assert result["errors"] == [] and result["done"] == EXCHANGES
        assert role(node) == before
        wait_for("every connection to end", lambda: sum(s["active"] for s in node.status()["services"]) == 0, 10)
        pair.write(node, *first)
        assert node.tandemctl("reload").returncode == 0
        # Checks come and go.
        wait_for("as many sockets as at the start", lambda: sockets_of(node.node_pid()) == sockets, 10)
    finally:
        for server in servers:
            server.stop()


def sockets_of(pid):
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
        except FileNotFoundError:
            pass
    return count


def memory_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as handle:
        return next(line.split(":")[1].strip() for line in handle if line.startswith("VmRSS"))


def last_event(node):
    return node.events()[-1]["sequence"]
