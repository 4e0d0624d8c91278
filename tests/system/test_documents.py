"""The configurations in deploy/docs are accepted by the programs that they are for."""

import os
import re
import shutil

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCS = os.path.join(ROOT, "deploy", "docs")
COMMANDS = {
    "tandem": [["{binaries}/tandemd", "-t", "-f", "{file}"]],
    "keepalived": [["{binaries}/tandemd", "-t", "-f", "{file}"], ["keepalived", "-t", "-f", "{file}"]],
    "nginx": [["nginx", "-t", "-c", "{file}"]],
    "haproxy": [["haproxy", "-c", "-f", "{file}"]],
}


def blocks():
    for name in sorted(os.listdir(DOCS)):
        with open(os.path.join(DOCS, name), encoding="utf-8") as handle:
            for number, (kind, text) in enumerate(re.findall(r"^```(\w+)\n(.*?)^```$", handle.read(), re.M | re.S)):
                yield pytest.param(kind, text, id=f"{name}-{number}-{kind}")


@pytest.mark.parametrize("kind, text", blocks())
def test_configuration_of_a_document(lab, binaries, kind, text):
    path = lab.scratch(f"{kind}.conf")
    if kind == "nginx":
        text = f"load_module modules/ngx_stream_module.so;\npid {path}.pid;\nerror_log stderr;\n" + text
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text)
    for command in COMMANDS[kind]:
        arguments = [word.format(binaries=binaries, file=path) for word in command]
        if shutil.which(arguments[0]) is None:
            pytest.skip(f"{arguments[0]} is not installed")
        done = lab.node1.run(arguments, check=False)
        # The address is not there yet: of nginx its syntax is asked.
        good = "syntax is ok" in done.stderr if kind == "nginx" else done.returncode == 0
        assert good, f"{done.returncode}: {done.stdout}{done.stderr}"
        if kind == "tandem":
            assert "warning" not in done.stderr, done.stderr
