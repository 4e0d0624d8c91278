"""Reads a JUnit file of ctest or pytest: prints `passed failed skipped`, and the failures on standard error."""

import sys
import textwrap
import xml.etree.ElementTree as tree


def counts(path):
    cases = list(tree.parse(path).getroot().iter("testcase"))
    failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skipped = [c for c in cases if c not in failed and c.find("skipped") is not None]
    return len(cases) - len(failed) - len(skipped), failed, skipped


def output(case, lines=60):
    """What a failed test printed, its last lines: a summary that names the test alone explains nothing."""
    text = "\n".join(part.text or part.get("message") or ""
                     for kind in ("failure", "error", "system-out") for part in case.findall(kind))
    kept = [line[:400] for line in text.splitlines() if line.strip()]
    return textwrap.indent("\n".join(kept[-lines:]), "   | ")


def main():
    passed, failed, skipped = counts(sys.argv[1])
    for case in failed:
        print(f"   FAILED {case.get('classname', '')} {case.get('name', '')[:200]}", file=sys.stderr)
        print(output(case), file=sys.stderr)
    for case in skipped:
        print(f"   skipped {case.get('classname', '')} {case.get('name', '')}", file=sys.stderr)
    print(passed, len(failed), len(skipped))


if __name__ == "__main__":
    main()
