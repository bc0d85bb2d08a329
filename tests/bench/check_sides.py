#!/usr/bin/python3
"""Runs each side of bench_load for a moment against a running cluster: it has answers and no failures;
it notices wrong answers and failed statements; the server sees its connections. Those of transactions
notice it in each statement and at the commit, and what they say is committed is there.

    tests/bench/check_sides.py PROGRAMS_DIR
"""
import json
import os
import subprocess
import sys

PLAIN = ["--side", "raw"], ["--side", "mutexpool"], ["--side", "raw", "--unnamed"]
TRANSACTIONS = [["--side", side, "--work", "transaction"] for side in ("raw_tx", "tx", "tx_array")]
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


def is_noticed(done, words):
    """Told and counted, unless it did not even begin."""
    assert done.returncode == 1 and words in done.stderr, done
    assert done.stdout == "" or json.loads(done.stdout)["failures"] > 0, done


def wrong_answers_are_noticed(load, side):
    is_noticed(load.run(side, "SELECT $1::bigint + 1"), "a wrong answer")
    is_noticed(load.run(side, "SELECT CASE WHEN random() < 0.1 THEN 0 ELSE $1::bigint END"), "a wrong answer")


def failures_are_told(load, side):
    is_noticed(load.run(side, "SELECT $1::bigint / 0"), "division by zero")
    is_noticed(load.run(side, "SELECT $1::bigint / (random() > 0.1)::int"), "division by zero")


def connections_are_counted(load):
    for side, least in ((PLAIN[0], 5), (OURS[1], 1)):
        sample = json.loads(load.run(side, "SELECT $1::bigint", "--census", load.place[-1]).stdout)
        assert least <= sample["connections_used"] <= sample["connections_open"], (side, sample)


class Table:
    """On the primaries of the keyspace that the sides use."""

    def __init__(self):
        with open(os.environ["AGDB_TEST_NODES"], encoding="utf-8") as file:
            nodes = [line.rstrip("\n").split("\t") for line in file]
        self.places = [(node[4], node[5]) for node in nodes if node[0] == "core" and node[3] == "primary"]

    def sql(self, sql):
        command = ["psql", "-XAtqc", sql, "-U", os.environ["AGDB_TEST_USER"], "-d", os.environ["AGDB_TEST_DBNAME"]]
        return [subprocess.run([*command, "-h", host, "-p", port], capture_output=True, text=True,
                               check=True).stdout.strip() for host, port in self.places]

    def __enter__(self):
        self.sql("CREATE TABLE bench_sides (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED, tx bigint);"
                 "CREATE INDEX ON bench_sides (tx)")
        return self

    def __exit__(self, *_):
        self.sql("DROP TABLE bench_sides")

    def count(self):
        return sum(int(count) for count in self.sql("SELECT count(*) FROM bench_sides"))


# Each statement leaves a row, and sees how many its transaction has left before it.
INSERT = "WITH done AS (INSERT INTO bench_sides VALUES ({}, txid_current())) SELECT $1::bigint"
BEFORE = "(SELECT count(*) FROM bench_sides WHERE tx = txid_current())"


def each_statement_is_checked(load, side):
    with Table():
        for before in (0, 1, 2):
            is_noticed(load.run(side, f"{INSERT.format('NULL')} + ({BEFORE} = {before})::int"), "a wrong answer")
            is_noticed(load.run(side, f"{INSERT.format('NULL')} / ({BEFORE} <> {before})::int"), "division by zero")
        done = load.run(side, f"{INSERT.format('NULL')} + ({BEFORE} = 3)::int")
        assert done.returncode == 0, done


def commits_are_checked(load, side):
    with Table() as table:
        is_noticed(load.run(side, INSERT.format("1")), "duplicate key")
        assert table.count() == 0, side
        done = load.run(side, INSERT.format("NULL"))
        assert done.returncode == 0, done
        assert table.count() % 3 == 0 and table.count() >= 3 * json.loads(done.stdout)["operations"], (side, done)


def main():
    load = Load(sys.argv[1])
    for side in (*PLAIN, *OURS, *TRANSACTIONS):
        answers_are_counted(load, side)
        wrong_answers_are_noticed(load, side)
        failures_are_told(load, side)
    for side in TRANSACTIONS:
        each_statement_is_checked(load, side)
        commits_are_checked(load, side)
    connections_are_counted(load)


if __name__ == "__main__":
    main()
