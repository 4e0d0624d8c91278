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
