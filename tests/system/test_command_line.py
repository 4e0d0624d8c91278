"""tandemd -t, --help and bad command lines: exit codes and where a message points."""

import os
import subprocess

import pytest
from conftest import ROOT
from lab import config

EXAMPLES = sorted(os.listdir(os.path.join(ROOT, "deploy", "examples")))


def tandemd(binaries, *args):
    return subprocess.run([os.path.join(binaries, "tandemd"), *args], capture_output=True, text=True, timeout=20)


def check(lab, binaries, text):
    path = lab.scratch("checked.conf")
    with open(path, "w", encoding="ascii") as handle:
        handle.write(text)
    done = lab.node1.run([os.path.join(binaries, "tandemd"), "-t", "-f", path], check=False)
    return done, path


GOOD = config.configuration("x", config.instance(100), config.service(80))


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_clean(lab, binaries, name):
    path = os.path.join(ROOT, "deploy", "examples", name)
    done = lab.node1.run([os.path.join(binaries, "tandemd"), "-t", "-f", path], check=False)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr and "warning" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_keepalived_accepts_the_examples(lab, name):
    done = lab.node1.run(["keepalived", "-t", "-f", os.path.join(ROOT, "deploy", "examples", name)], check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_good_file(lab, binaries):
    done, _ = check(lab, binaries, GOOD)
    assert done.returncode == 0, done.stderr


def test_survivable_error_names_line_and_column(lab, binaries):
    text = GOOD.replace("    priority 100\n", "    priorty 100\n")
    line = text.splitlines().index("    priorty 100") + 1
    done, path = check(lab, binaries, text)
    assert done.returncode == 5, done.stderr
    assert f"{path}:{line}:5: error:" in done.stderr


def test_missing_file_cannot_run(binaries, tmp_path):
    done = tandemd(binaries, "-t", "-f", str(tmp_path / "absent.conf"))
    assert done.returncode == 4
    assert "absent.conf" in done.stderr


def test_nothing_is_started_by_a_check(lab, binaries):
    done, _ = check(lab, binaries, GOOD)
    assert done.returncode == 0
    assert lab.vip not in lab.node1.addresses()


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["-f"]])
def test_bad_command_line(binaries, arguments):
    done = tandemd(binaries, *arguments)
    assert done.returncode == 2, done
    assert done.stderr


def test_bad_file_does_not_start(lab, binaries):
    done = lab.node1.run([os.path.join(binaries, "tandemd"), "-n", "-l", "-f", "/nonexistent.conf",
                          "--run-dir", lab.scratch("run")], check=False, timeout=10)
    assert done.returncode != 0
    assert "nonexistent.conf" in done.stdout + done.stderr
