"""What /proc says about the processes of a proxy."""

import os


def _sum(pids, name, fields):
    """Sums the numbers of `Name: value` lines over processes."""
    totals = dict.fromkeys(fields, 0)
    for pid in pids:
        with open(f"/proc/{pid}/{name}", encoding="ascii", errors="replace") as handle:
            for line in handle:
                key, _, value = line.partition(":")
                if key in totals:
                    totals[key] += int(value.split()[0])
    return totals


def memory(pids):
    """Bytes of user memory: proportional share, and private pages that were written to."""
    found = _sum(pids, "smaps_rollup", ("Pss", "Private_Dirty"))
    return {"pss": found["Pss"] * 1024, "private_dirty": found["Private_Dirty"] * 1024}


def switches(pids):
    """How often threads went to sleep, by (pid, tid)."""
    found = {}
    for pid in pids:
        for tid in os.listdir(f"/proc/{pid}/task"):
            try:
                counts = _sum([f"{pid}/task/{tid}"], "status", ("voluntary_ctxt_switches",))
            except OSError:  # the thread ended meanwhile
                continue
            found[pid, int(tid)] = counts["voluntary_ctxt_switches"]
    return found


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def _thread_name(pid, tid):
    try:
        with open(f"/proc/{pid}/task/{tid}/comm", encoding="utf-8", errors="replace") as handle:
            return handle.read().strip()
    except OSError:
        return ""


def wakeups_per_second(before, after, seconds):
    """{"pid/tid name": rate} of the threads that were there all the time."""
    return {f"{pid}/{tid} {_thread_name(pid, tid)}": (after[pid, tid] - count) / seconds
            for (pid, tid), count in before.items() if (pid, tid) in after}
