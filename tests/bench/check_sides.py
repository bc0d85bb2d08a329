#!/usr/bin/python3
"""Runs each side of bench_load for a moment against a running cluster: it has answers and no failures;
it notices wrong answers and failed statements; the server sees its connections.

    tests/bench/check_sides.py PROGRAMS_DIR
"""
import json
import os
import subprocess
import sys

PLAIN = ["--side", "raw"], ["--side", "mutexpool"], ["--side", "raw", "--unnamed"]
OURS = ["--side", "agdb"], ["--side", "submit"], ["--side", "many"], ["--side", "scatter"]


def conninfo():
    part = {name: os.environ[f"AGDB_TEST_{name}"] for name in ("HOST", "PORT", "USER", "DBNAME", "PASSWORD_FILE")}
    with open(part["PASSWORD_FILE"], encoding="utf-8") as file:
        os.environ["PGPASSWORD"] = file.read().strip()
    return f"host={part['HOST']} port={part['PORT']} user={part['USER']} dbname={part['DBNAME']}"


class Load:
    def __init__(self, programs):
        self.program = f"{programs}/bench_load"
        self.place = ["--map", os.environ["AGDB_TEST_MAP"], "--primary", conninfo()]

    def run(self, side, sql, *more, threads=5):
        command = [self.program, *side, *self.place, "--sql", sql, "--threads", str(threads), "--warm", "0.05",
                   "--seconds", "0.2", *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)


def answers_are_counted(load, side):
    for threads in (1, 20):
        done = load.run(side, "SELECT $1::bigint", threads=threads)
        assert done.returncode == 0, (side, threads, done.stderr)
        sample = json.loads(done.stdout)
        assert sample["failures"] == 0 and sample["operations"] > 0 and sample["threads"] == threads, (side, sample)
        assert 0 < sample["p50_us"] <= sample["p99_us"] <= 1.02 * sample["max_us"], (side, sample)


def wrong_answers_are_noticed(load, side):
    done = load.run(side, "SELECT $1::bigint + 1")
    assert done.returncode == 1 and "a wrong answer" in done.stderr, (side, done)
    done = load.run(side, "SELECT CASE WHEN random() < 0.1 THEN 0 ELSE $1::bigint END")
    assert done.returncode == 1 and "a wrong answer" in done.stderr, (side, done)


def failures_are_told(load, side):
    done = load.run(side, "SELECT $1::bigint / 0")
    assert done.returncode == 1 and "division by zero" in done.stderr, (side, done)
    done = load.run(side, "SELECT $1::bigint / (random() > 0.1)::int")
    assert done.returncode == 1 and "division by zero" in done.stderr, (side, done)


def connections_are_counted(load):
    for side, least in ((PLAIN[0], 5), (OURS[1], 1)):
        sample = json.loads(load.run(side, "SELECT $1::bigint", "--census", load.place[-1]).stdout)
        assert least <= sample["connections_used"] <= sample["connections_open"], (side, sample)


def main():
    load = Load(sys.argv[1])
    for side in (*PLAIN, *OURS):
        answers_are_counted(load, side)
        wrong_answers_are_noticed(load, side)
        failures_are_told(load, side)
    connections_are_counted(load)


if __name__ == "__main__":
    main()
