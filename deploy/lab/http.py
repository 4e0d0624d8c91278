"""A small HTTP client for the lab's namespaces."""

import hashlib
import json


def exchange(namespace, address, port, request, timeout=5.0):
    """Sends bytes and returns everything until the other side closes."""
    with namespace.connect(address, port, timeout) as connection:
        connection.sendall(request)
        parts = []
        while data := connection.recv(1 << 16):
            parts.append(data)
    return b"".join(parts)


def get(namespace, address, port=80, path="/", timeout=5.0):
    """Body of a page; raises when the status is not 200."""
    host = f"[{address}]" if ":" in address else address
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    head, _, body = exchange(namespace, address, port, request.encode("ascii"), timeout).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise AssertionError(f"unexpected answer: {head[:200]!r}")
    return body


def page(namespace, address, port=80, timeout=5.0):
    """The upstream's page: {"upstream": name, "peer": address it saw, "port": its port}."""
    return json.loads(get(namespace, address, port, "/", timeout))


def digest(namespace, address, port=80, path="/large", timeout=30.0):
    return hashlib.sha256(get(namespace, address, port, path, timeout)).hexdigest()
