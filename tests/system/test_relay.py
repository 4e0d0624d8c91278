"""The data path through the virtual address: bytes, closes, resets, sources (I3, I4)."""

import contextlib
import json
import random
import socket
import struct
import threading
import time

import pytest
from lab import config, exchange, http
from lab.capture import ETHERNET_ARP, PROTOCOL_TCP, RST, SYN, Capture
from lab.processes import Process
from lab.prober import PACKAGE_PARENT, PYTHON
from lab.waiting import Timeout, wait_for
from lab.watch import AddressWatcher

ECHO_PORT = 9000
SCRIPT_PORT = 9100


def linger_reset(connection):
    """The next close sends RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.contextmanager
def scripted_upstream(lab, behave, host="up1", port=SCRIPT_PORT):
    """An upstream whose first connection with data is given to behave(connection). Health checks only connect."""
    outcome = {"done": threading.Event()}

    def listen():
        return socket.create_server(("", port))

    listener = lab.hosts[host].call(listen)
    listener.settimeout(0.2)
    closing = threading.Event()

    def serve(connection):
        with connection:
            connection.settimeout(5)
            try:
                if not connection.recv(1, socket.MSG_PEEK):
                    return
                outcome["value"] = behave(connection)
            except OSError as error:
                outcome["value"] = error
            outcome["done"].set()

    def accept():
        while not closing.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield outcome
    finally:
        closing.set()
        thread.join()
        listener.close()


def start_with_script(pair):
    pair.start(config.service(80), config.service(SCRIPT_PORT, ("up1",), SCRIPT_PORT, check=False))


def read_all(connection):
    """(bytes, how it ended)"""
    data = b""
    try:
        while part := connection.recv(1 << 16):
            data += part
        return data, "closed"
    except ConnectionResetError:
        return data, "reset"


def test_large_file_arrives_unchanged(pair):
    pair.start()
    expected = {upstream.large_digest for upstream in pair.lab.upstreams.values()}
    seen = {http.digest(pair.lab.client, pair.lab.vip) for _ in range(6)}
    assert seen == expected


def test_page_for_a_client_that_half_closes_after_its_request(pair):
    pair.start()
    with pair.lab.client.connect(pair.lab.vip, 80, 10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        data, ended = read_all(connection)
    assert ended == "closed"
    assert json.loads(data.partition(b"\r\n\r\n")[2])["peer"] == pair.lab.vip


def test_half_close_reaches_the_upstream_after_the_data_and_the_whole_answer_comes_back(pair):
    start_with_script(pair)
    answer = random.Random(7).randbytes(8 << 20)

    def behave(connection):
        question = read_all(connection)
        connection.sendall(answer)
        return len(question[0]), question[1]

    with scripted_upstream(pair.lab, behave) as outcome, \
            pair.lab.client.connect(pair.lab.vip, SCRIPT_PORT, 10) as connection:
        connection.sendall(b"x" * 300000)
        connection.shutdown(socket.SHUT_WR)
        data, ended = read_all(connection)
        assert outcome["done"].wait(5)
    assert outcome["value"] == (300000, "closed")
    assert ended == "closed"
    assert data == answer


def test_half_close_from_the_upstream_leaves_the_other_direction_open(pair):
    start_with_script(pair)
    received = threading.Event()

    def behave(connection):
        connection.sendall(b"answer")
        connection.shutdown(socket.SHUT_WR)
        data = read_all(connection)
        received.set()
        return data

    with scripted_upstream(pair.lab, behave) as outcome, \
            pair.lab.client.connect(pair.lab.vip, SCRIPT_PORT, 10) as connection:
        connection.sendall(b"first ")
        assert read_all(connection) == (b"answer", "closed")
        connection.sendall(b"second")
        connection.shutdown(socket.SHUT_WR)
        assert outcome["done"].wait(5)
        assert outcome["value"] == (b"first second", "closed")


def test_reset_by_the_upstream_is_a_reset_for_the_client(pair):
    start_with_script(pair)

    def behave(connection):
        connection.recv(100)
        linger_reset(connection)

    with scripted_upstream(pair.lab, behave), pair.lab.client.connect(pair.lab.vip, SCRIPT_PORT, 5) as connection:
        connection.sendall(b"hello")
        assert read_all(connection)[1] == "reset"


def test_reset_by_the_client_is_a_reset_for_the_upstream(pair):
    start_with_script(pair)
    arrived = threading.Event()

    def behave(connection):
        connection.recv(100)
        arrived.set()
        return read_all(connection)[1]

    with scripted_upstream(pair.lab, behave) as outcome:
        connection = pair.lab.client.connect(pair.lab.vip, SCRIPT_PORT, 5)
        connection.sendall(b"hello")
        assert arrived.wait(5)
        linger_reset(connection)
        connection.close()
        assert outcome["done"].wait(5)
        assert outcome["value"] == "reset"


def test_back_pressure_reaches_the_sender(pair):
    """An upstream that does not read stops the client; the relay does not buffer without end."""
    start_with_script(pair)
    release = threading.Event()

    def behave(connection):
        release.wait(20)
        return len(read_all(connection)[0])

    with scripted_upstream(pair.lab, behave) as outcome, \
            pair.lab.client.connect(pair.lab.vip, SCRIPT_PORT, 5) as connection:
        connection.settimeout(2)
        sent = 0
        block = b"z" * (1 << 16)
        with pytest.raises(TimeoutError):
            while sent < 256 << 20:
                sent += connection.send(block)
        release.set()
        connection.settimeout(20)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection)[1] == "closed"
        assert outcome["done"].wait(20)
        assert outcome["value"] >= sent


def test_ten_thousand_checked_exchanges(pair):
    pair.start(config.service(80), config.service(ECHO_PORT, upstream_port=ECHO_PORT))
    servers = [Process(pair.lab.hosts[host], [PYTHON, "-m", "lab.exchange", "--serve", ECHO_PORT],
                       pair.lab.scratch(f"{host}-echo.log"), {"PYTHONPATH": PACKAGE_PARENT}) for host in ("up1", "up2")]
    try:
        for server in servers:
            server.wait_output("listening")
        wait_service_up(pair.node1, 2, index=1)
        done = pair.lab.client.run([
            "env", f"PYTHONPATH={PACKAGE_PARENT}", PYTHON, "-m", "lab.exchange",
            "--connect", pair.lab.vip, ECHO_PORT, "--exchanges", 10000], check=False, timeout=180)
        result = json.loads(done.stdout)
    finally:
        for server in servers:
            server.stop()
    print(result)
    assert result["errors"] == []
    assert result["done"] == 10000
    assert exchange.TRANSFORM != bytes(range(256))
    assert pair.node1.state() == "active" and pair.node2.state() == "backup"


def wait_service_up(node, count, index=0):
    """Waits until a service has so many upstreams up."""
    wait_for(f"{count} upstreams up", lambda: sum(
        u["state"] == "up" for u in node.status()["services"][index]["upstreams"]) == count)


def test_two_services(pair):
    pair.start(config.service(80, ("up1",)), config.service(81, ("up2",)))
    assert {http.page(pair.lab.client, pair.lab.vip, 80)["upstream"] for _ in range(4)} == {"up1"}
    assert {http.page(pair.lab.client, pair.lab.vip, 81)["upstream"] for _ in range(4)} == {"up2"}
    pair.node1.kill_all()
    pair.node2.wait_state("active")
    for port, upstream in ((80, "up1"), (81, "up2")):
        assert http.page(pair.lab.client, pair.lab.vip, port)["upstream"] == upstream


def test_weights(pair):
    block = config.service(80, algorithm="wrr").replace("weight 1", "weight 3", 1)
    pair.start(block)
    wait_service_up(pair.node1, 2)
    pages = [http.page(pair.lab.client, pair.lab.vip)["upstream"] for _ in range(40)]
    # Each relay worker has its own turn, so the share is near 3:1 and not exact.
    assert 24 <= pages.count("up1") <= 36, pages


def test_upstream_that_dies_is_replaced_by_the_other(pair):
    pair.start()
    nginx = pair.lab.upstreams["up1"]
    nginx.stop()
    try:
        answered = [http.page(pair.lab.client, pair.lab.vip)["upstream"] for _ in range(10)]
        assert set(answered) == {"up2"}
        wait_for("up1 to be seen down", lambda: any(
            u["state"] == "down" for u in pair.node1.status()["services"][0]["upstreams"]))
    finally:
        nginx.start()
    wait_service_up(pair.node1, 2)
    wait_for("up1 to serve again", lambda: http.page(pair.lab.client, pair.lab.vip)["upstream"] == "up1")


def test_no_upstream_ends_the_connection_and_not_the_node(pair):
    pair.start(config.service(80, ("up1",), upstream_port=9))
    try:
        with pair.lab.client.connect(pair.lab.vip, 80, 10) as connection:
            data, ended = read_all(connection)
    except ConnectionResetError:
        data, ended = b"", "reset"  # so soon that connect() already tells it
    except TimeoutError:
        pytest.fail("the connection was left hanging")
    assert data == b"" and ended == "reset"
    assert pair.node1.state() == "active"


def test_health_checks_come_from_the_nodes_own_address(pair):
    with Capture(pair.lab.up1, "eth0", pair.lab.scratch("checks.pcap"), "tcp dst port 8080") as capture:
        pair.start()
        for node in ("node1", "node2"):
            address = pair.lab.address(node)
            wait_for(f"a check from {node}", lambda: any(  # noqa: B023  (called before the loop goes on)
                p.source == address and p.tcp_flags & SYN for p in capture.packets()))
        assert all(p.source != pair.lab.vip for p in capture.packets())


def test_backup_sends_nothing_from_the_address(pair):
    """I3: neither its checks nor a client that reaches it make the backup use the address."""
    with Capture.sent_by(pair.lab, "node2", pair.lab.scratch("backup.pcap")) as capture:
        pair.start()
        for target in (80, 81):
            with contextlib.suppress(OSError):
                pair.lab.client.connect(pair.lab.address("node2"), target, 0.5).close()
        # A client with a stale neighbour entry sends to the backup's hardware address.
        hardware = hardware_address(pair.lab.node2)
        pair.lab.client.ip("neighbour", "replace", pair.lab.vip, "lladdr", hardware, "dev", "eth0", "nud", "permanent")
        try:
            with contextlib.suppress(OSError):
                pair.lab.client.connect(pair.lab.vip, 80, 1.0).close()
        finally:
            pair.lab.client.ip("neighbour", "del", pair.lab.vip, "dev", "eth0")
        wait_for("traffic of the backup", lambda: capture.packets())
        assert [p for p in capture.packets() if p.source == pair.lab.vip] == []


def hardware_address(namespace):
    return json.loads(namespace.ip("-j", "link", "show", "dev", "eth0").stdout)[0]["address"]


def test_after_demotion_nothing_leaves_from_the_address(pair):
    """I3: flows are reset while the address is still there; afterwards the node is silent for it."""
    pair.start()
    connections = []
    with pair.prober() as prober, AddressWatcher(pair.lab.node1) as watcher, \
            Capture.sent_by(pair.lab, "node1", pair.lab.scratch("demoted.pcap")) as capture:
        prober.wait_success()
        for _ in range(20):
            connection = pair.lab.client.connect(pair.lab.vip, 80, 5)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            connections.append(connection)
        moment = time.monotonic()
        assert pair.node1.tandemctl("failover").returncode in (0, 5)
        pair.wait_roles(pair.node2, pair.node1)
        removed = watcher.wait_removed(pair.lab.vip, moment)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(b"late data of a connection that is gone")
        prober.wait_success(after=time.monotonic() + 1)
        packets = capture.packets()
    late = [p for p in packets if p.source == pair.lab.vip and p.time > removed + 0.005]
    assert late == [], late[:5]
    resets = [p for p in packets if p.protocol == PROTOCOL_TCP and p.source == pair.lab.vip and p.tcp_flags & RST
              and p.time >= moment]
    assert len(resets) >= 20, "the idle connections were not reset before the address left"
    for connection in connections:
        connection.close()


def test_takeover_is_announced(pair):
    with Capture.sent_by(pair.lab, "node1", pair.lab.scratch("arp.pcap"), "arp") as capture:
        pair.start()
        try:
            wait_for("a gratuitous ARP", lambda: any(
                p.ethernet_type == ETHERNET_ARP and p.source == p.destination == pair.lab.vip
                for p in capture.packets()), 5)
        except Timeout:
            pytest.fail(f"no announcement among {capture.packets()}")
