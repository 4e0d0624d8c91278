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
        assert (answer["added"], answer["changed"], answer["removed"]) == (
            [f"{lab.vip}:82"], [f"{lab.vip}:80"], [f"{lab.vip}:81"])
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
    os.unlink(node.configuration)
    assert node.tandemctl("reload").returncode == 3

    pair.write(node, config.service(80), config.service(83), addresses=(lab.vip, "198.51.100.77"))
    restart = node.tandemctl("--json", "reload")
    assert restart.returncode == 3
    assert json.loads(restart.stdout)["needs_restart"] == ["vrrp_instance VI_1"]
    assert service_names(node) == [f"{lab.vip}:80"]
    assert http.page(lab.client, lab.vip)["upstream"] in ("up1", "up2")

    with open(node.configuration, "w", encoding="ascii") as handle:
        handle.write(good)
    assert node.tandemctl("reload").returncode == 0
    assert len(node.events("NODE_RELOAD_REFUSED")) == 3


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


def test_reloads_under_checked_traffic_lose_nothing(pair):
    node, lab = pair.node1, pair.lab

    def services(source):
        web = config.service(80, upstreams=source.sample(("up1", "up2"), source.choice((1, 2))),
                             upstream_port=ECHO_PORT, algorithm=source.choice(("rr", "wlc", "sh")),
                             lines=(f"@tandem idle_timeout {source.randint(60, 600)}",))
        return (web, *(config.service(port) for port in source.sample(range(8000, 8005), source.randint(0, 4))))

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
        first = services(random.Random(20))
        pair.start(*services(source))
        before = role(node)
        sockets = sockets_of(node.node_pid())
        traffic = threading.Thread(target=run_traffic)
        traffic.start()
        reloads = 0
        while traffic.is_alive() or reloads < 20:
            pair.write(node, *services(source))
            if reloads % 2:
                result = node.tandemctl("reload")
                assert result.returncode == 0, result.stdout
            else:
                last = last_event(node)
                os.kill(node.process.pid, signal.SIGHUP)
                wait_for("the reload", lambda last=last: last_event(node) > last, 10)
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
