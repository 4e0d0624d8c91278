"""Checked exchanges of random size through a TCP relay.

The client sends length and payload, the server answers with the payload transformed byte by byte, and the client
compares: a lost, repeated or misplaced byte cannot pass. One connection carries several exchanges; several processes
with several connections run at once.
"""

import argparse
import json
import os
import random
import signal
import socket
import struct
import sys
import threading
from multiprocessing import Pool

TRANSFORM = bytes((value * 7 + 3) & 0xFF for value in range(256))
HEADER = struct.Struct("!I")


def receive(connection, length):
    parts = bytearray()
    while len(parts) < length:
        data = connection.recv(min(length - len(parts), 1 << 16))
        if not data:
            raise ConnectionError(f"closed after {len(parts)} of {length} bytes")
        parts += data
    return bytes(parts)


def serve_connection(connection):
    with connection:
        while True:
            try:
                (length,) = HEADER.unpack(receive(connection, HEADER.size))
                connection.sendall(receive(connection, length).translate(TRANSFORM))
            except OSError:
                return


def serve(port):
    listener = socket.create_server(("", port), backlog=512, reuse_port=True)
    print("listening", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_connection, args=(connection,), daemon=True).start()


def random_size(source, maximum):
    """Small sizes as often as large ones: uniform in the exponent."""
    return int(2 ** source.uniform(0, maximum.bit_length() - 1))


def exchange_on(address, port, count, maximum, source, timeout):
    """Runs `count` exchanges on one connection while another thread sends, so that both directions are busy."""
    payloads = [source.randbytes(random_size(source, maximum)) for _ in range(count)]
    total = 0
    with socket.create_connection((address, port), timeout) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send():
            try:
                for payload in payloads:
                    connection.sendall(HEADER.pack(len(payload)) + payload)
            except OSError:
                pass  # the receiving side reports it

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for payload in payloads:
                if receive(connection, len(payload)) != payload.translate(TRANSFORM):
                    raise AssertionError(f"exchange of {len(payload)} bytes came back different")
                total += len(payload)
        finally:
            sender.join()
    return total


def worker(job):
    address, port, exchanges, maximum, seed, timeout = job
    source = random.Random(seed)
    done = transferred = connections = 0
    try:
        while done < exchanges:
            count = min(source.randint(1, 20), exchanges - done)
            transferred += exchange_on(address, port, count, maximum, source, timeout)
            done += count
            connections += 1
    except (OSError, AssertionError) as error:
        return {"done": done, "bytes": transferred, "connections": connections, "error": f"seed {seed}: {error}"}
    return {"done": done, "bytes": transferred, "connections": connections, "error": None}


def run(address, port, exchanges, parallel, maximum, seed, timeout=15.0):
    share = exchanges // parallel
    shares = [share + (1 if index < exchanges % parallel else 0) for index in range(parallel)]
    jobs = [(address, port, count, maximum, seed * 1000 + index, timeout) for index, count in enumerate(shares)]
    with Pool(parallel) as pool:
        results = pool.map(worker, jobs)
    return {
        "done": sum(r["done"] for r in results),
        "bytes": sum(r["bytes"] for r in results),
        "connections": sum(r["connections"] for r in results),
        "errors": [r["error"] for r in results if r["error"]],
    }


def main():
    parser = argparse.ArgumentParser(description="checked exchanges of random size")
    parser.add_argument("--serve", type=int, metavar="PORT")
    parser.add_argument("--connect", nargs=2, metavar=("ADDRESS", "PORT"))
    parser.add_argument("--exchanges", type=int, default=10000)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--maximum", type=int, default=1 << 17, help="largest payload in bytes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.serve:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        serve(options.serve)
        return 0
    address, port = options.connect
    result = run(address, int(port), options.exchanges, options.parallel, options.maximum, options.seed)
    print(json.dumps(result))
    return 1 if result["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
