#!/usr/bin/python3
"""Runs a part of the bench that needs no server and checks the shape of what it writes; then the
arithmetic behind ratios, verdicts and the chart, with figures made up for it.

    tests/bench/check_shape.py PROGRAMS_DIR
"""
import json
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
from harness import base, chart, measures, rounds, table  # noqa: E402

KEYS = {"measure": str, "side": str, "against": str, "ratio": (float, type(None)), "ratio_min": (float, type(None)),
        "ratio_max": (float, type(None)), "rounds": int, "must": (int, float, type(None)),
        "aim": (int, float, type(None)), "ok": (bool, type(None)), "unit": str, "state": str, "quick": bool}
STATES = ("measured", "failed", "later")


def run_gives_rows_of_the_documented_shape(programs):
    done = subprocess.run([str(ROOT / "bench" / "run"), "--quick", "--only", "route", "--programs", programs,
                           "--json", "-"], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # 1: slower than it must be, as under a sanitizer
    rows = json.loads(done.stdout)
    for row in rows:
        for key, kind in KEYS.items():
            assert key in row and isinstance(row[key], kind), f"{key} of {row}"
        assert row["state"] in STATES, row
        assert row["state"] != "failed", row
    routed = next(row for row in rows if row["measure"] == "route-16-byte-key")
    assert routed["rounds"] == 3 and 0 < routed["ratio_min"] <= routed["ratio"] <= routed["ratio_max"], routed
    assert routed["ok"] == (routed["ratio"] <= routed["must"]), routed
    assert "route-16-byte-key" in done.stderr


def a_row_that_waits_has_a_reason_and_no_figure():
    row = rounds.Row("m", "a", "b", 1).later("for something").json()
    assert row["state"] == "later" and row["reason"] == "for something", row
    assert row["ok"] is None and row["ratio"] is None and row["rounds"] == 0, row


def list_names_every_group():
    done = subprocess.run([str(ROOT / "bench" / "run"), "--list"], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == [*measures.GROUPS, "all"]
    assert abs(float(lines[-1][1]) - sum(float(line[1]) for line in lines[:-1])) < 1, done.stdout
    for quick in (False, True):
        plan = rounds.Plan(quick)
        assert sum(measures.seconds(name, plan) for name in measures.GROUPS) < 0.85 * 60 * plan.minutes


def constant(name, *rates):
    rates = iter(rates)

    def run(threads):
        ORDER.append(name)
        return {"per_second": next(rates), "p99_us": 100.0, "threads": threads}
    return rounds.Side(name, run)


ORDER = []


def rounds_alternate_and_ratios_are_of_the_same_round():
    samples = rounds.alternate([constant("a", 10, 20, 30), constant("b", 5, 5, 5)], 3, 1)
    assert ORDER == ["a", "b", "b", "a", "a", "b"], ORDER
    row = rounds.Row("m", "a", "b", 4, 5).compare(samples)
    assert row.values == [2, 4, 6] and row.ratio == 4 and row.ok is True and not row.reaches(row.aim)
    assert table.verdict(row) == "ok"
    less = rounds.Row("m", "a", "b", 3, 2, less=True).compare(samples)
    assert less.ok is False and table.verdict(less) == "NOT REACHED"


def a_side_that_cannot_run_is_a_failed_row():
    def broken(_threads):
        raise rounds.Failure("no such program")
    samples = rounds.alternate([constant("a", 1, 1, 1), rounds.Side("b", broken)], 3, 1)
    row = rounds.Row("m", "a", "b", 1).compare(samples)
    assert row.state == "failed" and row.ok is False and "no such program" in row.reason
    assert row.json()["ratio"] is None and "no such program" in table.text([row])


def what_stalls_is_killed_and_nothing_begins_late():
    programs = base.Programs(".", "agencydb")
    sleeper = ["sh", "-c", "echo stuck in the middle >&2; exec sleep 60"]

    def stalled(_threads):
        return programs.run(sleeper, limit=0.3)
    begin = time.monotonic()
    samples = rounds.alternate([constant("a", 1, 1, 1), rounds.Side("b", stalled)], 3, 1)
    row = rounds.Row("m", "a", "b", 1).compare(samples)
    assert time.monotonic() - begin < 30 and row.state == "failed"
    assert "killed" in row.reason and "stuck in the middle" in row.reason, row.reason
    programs.end = time.monotonic()
    try:
        programs.run(["true"])
    except base.Failure as failure:
        assert "no time" in str(failure)
    else:
        raise AssertionError("it ran after the end")


def chart_draws_each_side_once():
    data = {side: {threads: [{"per_second": 1000.0 * threads, "p99_us": 50.0 * threads}] for threads in (1, 2, 4)}
            for side in ("agdb", "agdb_submit", "raw", "pgbench")}
    picture = chart.svg(data, "somewhere <&>")
    tree = xml.etree.ElementTree.fromstring(picture)
    texts = [text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "somewhere <&>" in texts
    for name in ("libagencydb", "raw libpq", "agdb_submit, 1 thread"):
        assert texts.count(name) == 2, name


def main():
    run_gives_rows_of_the_documented_shape(sys.argv[1])
    a_row_that_waits_has_a_reason_and_no_figure()
    list_names_every_group()
    rounds_alternate_and_ratios_are_of_the_same_round()
    a_side_that_cannot_run_is_a_failed_row()
    what_stalls_is_killed_and_nothing_begins_late()
    chart_draws_each_side_once()


if __name__ == "__main__":
    main()
