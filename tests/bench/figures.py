"""The rows of the tables: which figure of which measure, its name, unit and direction. And its text."""

import collections

# `more`: more is better. `scale` turns the figure into the unit.
Row = collections.namedtuple("Row", "measure figure title unit more scale")


def _bulk(name, title):
    return [Row(name, "gb_per_second", title, "GB/s", True, 1),
            Row(name, "cpu_s_per_gb", f"{title}: processor time", "ms/GB", False, 1000)]


def _operations(name, title):
    return [Row(name, "per_second", title, "1/s", True, 1),
            Row(name, "p50_us", f"{title}: p50", "µs", False, 1),
            Row(name, "p99_us", f"{title}: p99", "µs", False, 1),
            Row(name, "cpu_us", f"{title}: processor time", "µs each", False, 1)]


ROWS = [
    *_operations("connect", "new connections"),
    Row("syscalls", "connect_calls", "new connections: system calls but for waits", "each", False, 1),
    Row("syscalls", "connect_waits", "new connections: waits", "each", False, 1),
    *_operations("ping-1", "ping-pong, 1 connection"),
    *_operations("ping-64", "ping-pong, 64 connections"),
    Row("syscalls", "ping_calls", "ping-pong: system calls but for waits", "each", False, 1),
    *_bulk("upload-1", "upload, 1 connection"),
    *_bulk("upload-4", "upload, 4 connections"),
    *_bulk("download-1", "download, 1 connection"),
    *_bulk("download-4", "download, 4 connections"),
    Row("syscalls", "upload_calls", "upload: system calls but for waits", "/MiB", False, 1),
    Row("syscalls", "download_calls", "download: system calls but for waits", "/MiB", False, 1),
    Row("idle", "pss_bytes", "idle connection: user memory (Pss)", "bytes", False, 1),
    Row("idle", "private_dirty_bytes", "idle connection: written private pages", "bytes", False, 1),
    Row("idle", "wakeups_per_second", "4 000 idle connections: wake-ups they cause", "1/s", False, 1),
    Row("idle", "wakeups_per_second_of_the_program", "4 000 idle connections: wake-ups of the program", "1/s", False, 1),
    Row("idle", "cpu_percent", "4 000 idle connections: processor time", "% of one", False, 1),
    *[Row("scale", f"connect_cpu_us_{level}", f"processor time of a new connection beside {level:,} idle".replace(
        ",", " "), "µs", False, 1) for level in (100, 1000, 4000, 9000)],
    *[Row("scale", f"ping_cpu_us_{level}", f"processor time of a ping beside {level:,} idle".replace(",", " "),
          "µs", False, 1) for level in (100, 1000, 4000, 9000)],
]


def number(value):
    """Three digits that matter; thousands apart."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"
