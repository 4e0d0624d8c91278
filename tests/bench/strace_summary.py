"""The table of `strace -c -U name,calls`."""


def parse_summary(text):
    """{system call: number of calls}"""
    calls = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit() and words[0] != "total":
            calls[words[0]] = calls.get(words[0], 0) + int(words[1])
    return calls
