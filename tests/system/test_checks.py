"""Active checks of every kind on a running pair."""

import os
import subprocess
import sys

from lab import config
from lab.processes import Process
from lab.topology import address4
from lab.waiting import wait_for


def checks_of(node, index=0):
    return {check["kind"]: check for check in node.status()["services"][0]["upstreams"][index]["checks"]}


def state_of(node, index=0):
    return node.status()["services"][0]["upstreams"][index]["state"]


def test_web_pages_and_programs_decide_about_an_upstream(pair):
    program, verdict = pair.scratch("check"), pair.scratch("verdict")
    with open(program, "w", encoding="ascii") as handle:
        handle.write(f'#!/bin/sh\nread code < {verdict}\nexit "$code"\n')
    os.chmod(program, 0o755)

    def say(code):
        with open(verdict, "w", encoding="ascii") as handle:
            handle.write(f"{code}\n")

    say(0)
    pair.start(config.service(80, checkers=(
        "HTTP_GET {", "    url {", "        path /", "        status_code 200", "        @tandem regex up[12]", "    }",
        "    delay_loop 0.2", "    delay_before_retry 0.1", "}",
        "MISC_CHECK {", f"    misc_path {program}", "    misc_dynamic", "    delay_loop 0.2", "}")))
    node = pair.node1
    assert set(checks_of(node)) == {"HTTP_GET", "MISC_CHECK"}
    wait_for("a page", lambda: checks_of(node)["HTTP_GET"]["result"] == "/: status 200", 10)

    say(12)
    wait_for("the weight", lambda: node.status()["services"][0]["upstreams"][0]["weight"] == 10, 10)
    say(1)
    wait_for("down", lambda: state_of(node) == "down", 10)
    assert checks_of(node)["MISC_CHECK"]["result"] == "exit code 1"
    assert checks_of(node)["HTTP_GET"]["state"] == "up"
    assert "MISC_CHECK down since" in node.tandemctl("status").stdout
    say(0)
    wait_for("up", lambda: state_of(node) == "up", 10)


def make_certificate(pair):
    certificate, key = pair.scratch("cert.pem"), pair.scratch("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=up1", "-keyout", key,
                    "-out", certificate], check=True, capture_output=True)
    return certificate, key


def test_ssl_get_asks_over_tls_and_checks_run_on_the_backup_too(pair):
    certificate, key = make_certificate(pair)
    server = Process(pair.lab.hosts["up1"], ["openssl", "s_server", "-www", "-accept", "8443", "-cert", certificate,
                                             "-key", key, "-quiet"], pair.scratch("s_server.log"))
    try:
        pair.start(config.service(80, upstreams=("up1",), checkers=(
            "SSL_GET {", "    connect_port 8443", "    virtualhost www.example.com", "    url {", "        path /",
            "        status_code 200", "    }", "    delay_loop 0.2", "    delay_before_retry 0.1", "}")))
        for node in pair.nodes:
            wait_for("a page over TLS", lambda node=node: checks_of(node)["SSL_GET"]["result"] == "/: status 200", 10)
    finally:
        server.stop()
    for node in pair.nodes:
        wait_for("down", lambda node=node: state_of(node) == "down", 10)
    assert address4("up1") in pair.node1.log()


# Ends each answer as many servers do: without the end of TLS. The page /cut announces more than there is.
ABRUPT_SERVER = r"""
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("", 8443))
while True:
    try:
        with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            length = b"Content-Length: 100\r\n" if connection.recv(65536).startswith(b"GET /cut ") else b""
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\nten bytes\n")
    except OSError:
        pass
"""


def test_a_page_over_tls_that_is_cut_short_fails_and_one_without_an_announced_length_passes(pair):
    certificate, key = make_certificate(pair)
    server = Process(pair.lab.hosts["up1"], [sys.executable, "-c", ABRUPT_SERVER, certificate, key],
                     pair.scratch("server.log"))
    try:
        checkers = [line for path in ("/whole", "/cut") for line in (
            "SSL_GET {", "    connect_port 8443", "    url {", f"        path {path}", "        status_code 200", "    }",
            "    delay_loop 0.2", "    delay_before_retry 0.1", "}")]
        pair.start(config.service(80, upstreams=("up1",), checkers=checkers))

        def results():
            checks = pair.node1.status()["services"][0]["upstreams"][0]["checks"]
            return [(check["state"], check["result"]) for check in checks]

        wait_for("both verdicts", lambda: [state for state, _ in results()] == ["up", "down"]
                 and results()[0][1] == "/whole: status 200", 10)
        assert "truncated" in results()[1][1]
    finally:
        server.stop()


# Mail as few servers speak it: several lines, in pieces. "full" in the file: it refuses everybody.
MAIL_SERVER = r"""
import socket, sys
listener = socket.create_server(("", 2525))
def refuses():
    with open(sys.argv[1], encoding="ascii") as handle:
        return "full" in handle.read()
while True:
    connection = listener.accept()[0]
    connection.settimeout(5)
    with connection, connection.makefile("rb") as lines:
        try:
            if refuses():
                connection.sendall(b"554 5.3.2 full\r\n")
                continue
            for piece in (b"220-up1 ", b"greets\r\n22", b"0 ready\r\n"):
                connection.sendall(piece)
            good = lines.readline() == b"HELO lb.example.com\r\n"
            connection.sendall(b"250-hello\r\n250 lb\r\n" if good else b"501 who?\r\n")
            lines.readline()
            connection.sendall(b"221 bye\r\n")
        except OSError:
            pass
"""


def test_a_mail_server_is_asked_and_one_that_refuses_is_down(pair):
    mood = pair.scratch("mood")

    def say(word):
        with open(mood, "w", encoding="ascii") as handle:
            handle.write(word)

    say("open")
    server = Process(pair.lab.hosts["up1"], [sys.executable, "-c", MAIL_SERVER, mood], pair.scratch("mail.log"))
    try:
        pair.start(config.service(80, upstreams=("up1",), checkers=(
            "SMTP_CHECK {", "    helo_name lb.example.com", "    host {", "        connect_port 2525", "    }",
            "    delay_loop 0.2", "    delay_before_retry 0.1", "}")))
        for node in pair.nodes:
            wait_for("the dialogue", lambda node=node: checks_of(node)["SMTP_CHECK"]["result"] == "250, 221", 10)
            wait_for("up", lambda node=node: state_of(node) == "up", 10)
        say("full")
        for node in pair.nodes:
            wait_for("down", lambda node=node: state_of(node) == "down", 10)
        assert checks_of(pair.node1)["SMTP_CHECK"]["result"] == "greeting 554 5.3.2 full"
        say("open")
        wait_for("up again", lambda: state_of(pair.node1) == "up", 10)
    finally:
        server.stop()


# Knows www.example.com and refuses everything else; notes who asked.
NAME_SERVER = r"""
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 5353))
question = b"\3www\7example\3com\0\0\1\0\1"
while True:
    query, client = server.recvfrom(4096)
    print(client[0], flush=True)
    if query[12:] == question:
        answer = query[:2] + b"\x84\0\0\1\0\1\0\0\0\0" + question + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\1"
    else:
        answer = query[:2] + b"\x80\5" + query[4:]
    server.sendto(b"\0\0" + answer[2:], client)
    server.sendto(answer, client)
"""


def test_a_name_server_is_asked_from_the_nodes_own_addresses(pair):
    log = pair.scratch("names.log")
    server = Process(pair.lab.hosts["up1"], [sys.executable, "-c", NAME_SERVER], log)
    try:
        check = ("    connect_port 5353", "    delay_loop 0.2", "    delay_before_retry 0.1", "    retry 1", "}")
        pair.start(
            config.service(80, upstreams=("up1",), checkers=(
                "DNS_CHECK {", "    type A", "    name www.example.com", *check, "PING_CHECK {", "    delay_loop 0.2",
                "}")),
            config.service(81, upstreams=("up1",), checkers=("DNS_CHECK {", *check)))
        for node in pair.nodes:
            wait_for("an answer", lambda node=node: checks_of(node)["DNS_CHECK"]["result"] == "NOERROR, 1 answer", 10)
            wait_for("an echo", lambda node=node: checks_of(node)["PING_CHECK"]["result"] == "echo reply", 10)

            def other(node=node):
                return node.status()["services"][1]["upstreams"][0]
            wait_for("REFUSED", lambda other=other: other()["checks"][0]["result"] == "REFUSED", 10)
            assert other()["state"] == "down"
    finally:
        server.stop()
    with open(log, encoding="ascii") as handle:
        askers = set(handle.read().split())
    assert pair.lab.vip not in askers
    assert len(askers) == 2
    for node in pair.nodes:
        wait_for("down", lambda node=node: state_of(node) == "down", 10)
        assert checks_of(node)["DNS_CHECK"]["result"] == "Connection refused"


def test_a_number_in_a_file_takes_an_upstream_down_or_changes_its_weight(pair):
    drain, load = pair.scratch("drain"), pair.scratch("load")

    def write(path, number):
        with open(path, "w", encoding="ascii") as handle:
            handle.write(f"{number}\n")

    write(load, 4)
    pair.start(f"track_file drain {{\n    file {drain}\n    weight 0\n}}",
               f"track_file load {{\n    file {load}\n}}",
               config.service(80, upstreams=("up1",), checkers=(
                   "FILE_CHECK {", "    track_file drain", "}", "FILE_CHECK {", "    track_file load", "    weight 3",
                   "}")))
    node = pair.node1

    def weight():
        return node.status()["services"][0]["upstreams"][0]["weight"]

    wait_for("the weight", lambda: weight() == 13, 10)
    assert state_of(node) == "up"
    write(load, -1)
    wait_for("no weight", lambda: weight() == 0, 10)
    write(drain, 1)
    wait_for("down", lambda: state_of(node) == "down", 10)
    assert "FILE_CHECK: value 1" in node.log()
    write(load, 0)
    os.remove(drain)
    wait_for("up", lambda: state_of(node) == "up" and weight() == 1, 10)
