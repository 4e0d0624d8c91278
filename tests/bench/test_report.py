"""The pure parts of the benchmark: medians, goals, tables, chart."""

import os
import sys
import xml.dom.minidom

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests")]

from bench import chart, report  # noqa: E402  (the paths above come first)
from bench.figures import number  # noqa: E402
from bench.strace_summary import parse_summary  # noqa: E402

TITLES = {"direct": "direct", "nginx": "nginx", "haproxy-tuned": "HAProxy | tuned", "tandem": "tandem"}


def rounds(figure, *values):
    return [{figure: value} for value in values]


@pytest.fixture
def samples():
    return {
        "direct": {"connect": rounds("per_second", 900, 1000, 1100)},
        "nginx": {"connect": rounds("per_second", 300, 550, 400), "download-1": rounds("cpu_s_per_gb", 1.0)},
        "haproxy-tuned": {"connect": rounds("per_second", 350), "download-1": rounds("cpu_s_per_gb", 0.4)},
        "tandem": {"connect": rounds("per_second", 440, 460, 450), "download-1": rounds("cpu_s_per_gb", 0.5)},
    }


@pytest.fixture
def results(samples):
    found = report.medians(samples)
    return {
        "environment": {"date": "2026-01-01 00:00 UTC", "processor": "A <fast> one", "cores": 2, "kernel": "6.1",
                        "versions": ["nginx 1", "tandem 0"], "load_before": 0.1, "rounds": 3, "seconds": 2.0,
                        "contestants": [{"name": name, "title": title, "remark": "as it comes",
                                         "relays": name != "direct"} for name, title in TITLES.items()]},
        "samples": samples, "medians": found, "goals": report.judge(found)}


def goal(results, text):
    return next(each for each in results["goals"] if each["text"] == text)


def test_median_range_and_number_of_rounds(samples):
    assert report.medians(samples)["nginx"]["connect"]["per_second"] == {
        "median": 400, "low": 300, "high": 550, "rounds": 3}


def test_failed_rounds_and_names_of_calls_are_not_figures():
    assert report.medians({"nginx": {"scale": [{"failed": "why"}, {"x": 1, "by_name": {"read": 1}}]}}) == {
        "nginx": {"scale": {"x": {"median": 1, "low": 1, "high": 1, "rounds": 1}}}}


@pytest.mark.parametrize("figure, more, expected", [("per_second", True, 400), ("per_second", False, 350)])
def test_best_peer_is_neither_tandem_nor_direct(results, figure, more, expected):
    assert report.best_peer(results["medians"], "connect", figure, more) == expected


def test_goals_are_met_missed_or_not_measured(results):
    rate = goal(results, "new connections: rate beside the best")
    assert (rate["value"], rate["met"]) == (pytest.approx(1.125), True)
    assert goal(results, "download, 1 connection: processor time beside nginx")["met"] is True
    assert goal(results, "download, 1 connection: processor time beside HAProxy tuned")["met"] is False
    assert goal(results, "idle connection: user memory")["met"] is None


def test_a_cost_that_grows_with_idle_connections_misses(results):
    found = {"tandem": {"scale": {f"ping_cpu_us_{level}": {"median": value, "low": 1, "high": 1, "rounds": 1}
                                  for level, value in ((100, 10), (9000, 12))}}}
    growing = next(each for each in report.judge(found) if "of a ping beside" in each["text"])
    assert (growing["value"], growing["met"]) == (pytest.approx(1.2), False)


def test_tables_have_one_cell_for_each_contestant(results):
    heading, lines = report.rows(results)
    assert all(len(line) == len(heading) for line in lines)
    assert lines[0] == ["new connections", "1/s", "1 000 ±10%", "400 ±31%", "350", "450 ±2%", "1.12 (more is better)"]


def test_document_names_machine_versions_and_marks(results):
    text = report.document(results)
    for part in ("A <fast> one, 2 cores, kernel 6.1", "nginx 1, tandem 0", "| met |", "| missed |", "not measured", "HAProxy \\| tuned |"):
        assert part in text
    assert "1.12" in report.terminal(results)


def test_chart_is_well_formed_and_has_a_bar_for_each_contestant(results):
    document = xml.dom.minidom.parseString(chart.draw(results))
    kinds = [each.getAttribute("class") for each in document.getElementsByTagName("rect")]
    assert kinds == ["surface", "direct", "peer", "peer", "own", "peer", "peer", "own"]
    words = [each.firstChild.data for each in document.getElementsByTagName("text")]
    assert "HAProxy | tuned" in words
    assert any("A <fast> one, 2 cores" in word for word in words)


def test_chart_draws_the_cost_beside_idle_connections(results):
    results["medians"]["tandem"]["scale"] = {
        f"{name}_cpu_us_{level}": {"median": 10, "low": 9, "high": 11, "rounds": 3}
        for name in ("connect", "ping") for level in chart.LEVELS}
    document = xml.dom.minidom.parseString(chart.draw(results))
    curves = [each for each in document.getElementsByTagName("path") if "line" in each.getAttribute("class")]
    assert len(curves) == 2


@pytest.mark.parametrize("value, text", [(None, ""), (0.1234, "0.12"), (12.34, "12.3"), (123.4, "123"),
                                         (1234567, "1 234 567")])
def test_numbers_keep_the_digits_that_matter(value, text):
    assert number(value) == text


def test_strace_summary():
    assert parse_summary("syscall                calls\n---------------- ---------\nepoll_wait              12\n"
                         "accept4                  3\n---------------- ---------\ntotal                   15\n") == {
        "epoll_wait": 12, "accept4": 3}
