"""Orders of the operator to the relay of a running node."""

import json
import os
import signal
import socket
import struct

from lab import config, http
from lab.load import Load
from lab.small_disk import TandemOnSmallDisk
from lab.waiting import wait_for


def names(node):
    service = node.status()["services"][0]
    return service["name"], [upstream["name"] for upstream in service["upstreams"]]


def upstream(node, index=0):
    return node.status()["services"][0]["upstreams"][index]


def served_by(lab, count=6):
    return {http.page(lab.client, lab.vip)["upstream"] for _ in range(count)}


def test_upstream_is_drained_and_ready_again_at_run_time(pair):
    pair.start()
    node = pair.node1
    service, (first, second) = names(node)
    with pair.lab.client.connect(pair.lab.vip, 80, 5) as kept:
        wait_for("a connection", lambda: node.status()["services"][0]["active"] >= 1, 5)
        result = node.tandemctl("upstream", service, first, "drain")
        assert result.returncode == 0, result.stderr
        assert "no new connections" in result.stdout
        assert len(served_by(pair.lab)) == 1
        assert upstream(node)["admin"] == "drain"
        assert upstream(node)["state"] == "up"
        text = node.tandemctl("status").stdout
        assert "drain" in text and "ordered" in text
        kept.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert kept.recv(100).startswith(b"HTTP/1.1 200")
    assert node.tandemctl("upstream", service, first, "ready").returncode == 0
    assert len(served_by(pair.lab)) == 2
    orders = node.events("UPSTREAM_ORDERED")
    assert [(event["upstream"], event["order"]) for event in orders] == [(first, "drain"), (first, "ready")]

    assert node.tandemctl("upstream", service, second, "weight", "0").returncode == 0
    assert len(served_by(pair.lab)) == 1
    assert upstream(node, 1)["weight"] == 0
    assert upstream(node, 1)["configured_weight"] == 1
    assert node.tandemctl("upstream", service, second, "weight").returncode == 0
    assert len(served_by(pair.lab)) == 2

    unknown = node.tandemctl("upstream", service, "198.51.100.250:1", "drain")
    assert unknown.returncode == 2
    assert first in unknown.stderr


def test_access_log_names_who_ended_each_connection_and_survives_rotation(pair):
    path = pair.scratch("access.log")
    pair.start(config.service(80, lines=(f"@tandem access_log {path}", "@tandem access_log_format json")))

    def lines(name=path):
        try:
            with open(name, encoding="ascii") as handle:
                return [json.loads(line) for line in handle]
        except FileNotFoundError:
            return []

    http.page(pair.lab.client, pair.lab.vip)
    wait_for("the first record", lambda: len(lines()) == 1, 5)
    record = lines()[0]
    assert record["ended_by"] == "upstream" and record["cause"] == "closed"
    assert record["vip"] == f"{pair.lab.vip}:80" and record["service"] == f"{pair.lab.vip}:80"
    assert record["source"].startswith(f"{pair.lab.vip}:")
    assert record["bytes_to_client"] > 0 and record["first_byte_ms"] >= record["connect_ms"]

    os.rename(path, path + ".1")
    pair.node1.signal_all(signal.SIGUSR1)
    connection = pair.lab.client.connect(pair.lab.vip, 80, 5)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    wait_for("a record in the new file", lambda: len(lines()) == 1, 5)
    assert (lines()[0]["ended_by"], lines()[0]["cause"]) == ("client", "reset")
    assert len(lines(path + ".1")) == 1

    with pair.lab.client.connect(pair.lab.vip, 80, 5):
        wait_for("a connection", lambda: pair.node1.status()["services"][0]["active"] == 1, 5)
        assert pair.node1.tandemctl("failover").returncode in (0, 5)
        wait_for("the record of the demotion", lambda: lines()[-1]["cause"] == "demotion", 5)


def test_access_log_on_a_full_disk_holds_up_nothing(pair):
    nodes = [TandemOnSmallDisk(pair.lab, node.host, pair.binaries, None) for node in pair.nodes]
    pair.node1, pair.node2 = pair.nodes = nodes
    path = TandemOnSmallDisk.file_in(pair.lab, "access.log")
    pair.start(config.service(80, lines=(f"@tandem access_log {path}", "@tandem access_log_format json")))
    node = pair.node1

    def lost():
        return node.status()["node"]["access_records_lost"]

    with Load(pair.lab.client, pair.lab.vip, 80, pair.scratch("load.log"), 180, short=True):
        # A MiB of lines has to come first.
        wait_for("lost records", lambda: lost() > 0, 120)
        wait_for("the messages", lambda: "ACCESS_LOG_FAILED" in node.log() and "ACCESS_LOG_LOST" in node.log(), 5)
        before = node.status()["services"][0]["accepted"]
        wait_for("more connections", lambda: node.status()["services"][0]["accepted"] > before + 100, 10)
        http.page(pair.lab.client, pair.lab.vip)
    assert "records lost" in node.tandemctl("status").stdout
    for other, times in ((node, 1), (pair.node2, 0)):
        assert other.instance()["counters"]["became_active"] == times
    assert node.lines("access.log") == []

    node.make_room()
    wait_for("the end of the trouble", lambda: "ACCESS_LOG_RECOVERED" in node.log(), 10)
    records = [json.loads(line) for line in node.lines("access.log")]
    assert len({record["id"] for record in records}) == len(records) > 100
    count = len(records)
    http.page(pair.lab.client, pair.lab.vip)
    wait_for("the next record", lambda: len(node.lines("access.log")) > count, 5)


def test_connections_are_listed_and_ended_by_the_operator(pair):
    pair.start()
    node = pair.node1
    with pair.lab.client.connect(pair.lab.vip, 80, 5) as connection:
        def listed():
            return json.loads(node.tandemctl("--json", "connections").stdout)["connections"]

        wait_for("the connection in the list", lambda: len(listed()) == 1, 5)
        entry = listed()[0]
        host, port = connection.getsockname()
        assert entry["client"] == f"{host}:{port}"
        assert entry["source"].startswith(f"{pair.lab.vip}:")
        assert entry["id"] in node.tandemctl("connections", entry["service"]).stdout
        assert node.tandemctl("connections", "198.51.100.250:1").returncode == 2
        assert node.tandemctl("disconnect", "none").returncode == 2
        result = node.tandemctl("disconnect", entry["id"])
        assert (result.returncode, result.stdout) == (0, "1 connection ended\n")
        connection.settimeout(5)
        try:
            assert connection.recv(1) is None, "not reset"
        except ConnectionResetError:
            pass
    assert node.tandemctl("disconnect", entry["id"]).returncode == 3
    assert node.status()["services"][0]["ended_by_operator"] == 1
    assert "CONNECTIONS_ENDED" in node.tandemctl("events").stdout
