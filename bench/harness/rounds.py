"""Sides in turn, and what is made of their figures."""
import os
import pathlib
import signal
import statistics
import tempfile

from .base import Failure
from .servers import DBNAME, ROWS, USER, bindir


def end_on_signals():
    """Ends by an exception, so that everything that was started is taken down."""
    def interrupted(number, _frame):
        for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)  # a second one must not leave servers behind
        raise SystemExit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)


class Plan:
    """How long and how often."""

    def __init__(self, quick):
        self.quick = quick
        self.rounds = 3 if quick else 7
        self.seconds = 0.4 if quick else 1.2
        self.warm = 0.15 if quick else 0.5
        self.minutes = 8 if quick else 45  # at most
        self.threads = [1, 2, 4, 16, 64] if quick else [1, 2, 4, 8, 16, 32, 64]


class Side:
    """A name and how to run it: run(threads) gives one sample."""

    def __init__(self, name, run):
        self.name = name
        self.run = run


def load(programs, plan, name, side, arguments, prefix=()):
    """A side of bench_load."""
    def run(threads):
        sample = programs.json("load", "--side", side, "--threads", threads, "--rows", ROWS, "--warm", plan.warm,
                               "--seconds", plan.seconds, *arguments, prefix=prefix)
        if sample["failures"]:
            raise Failure(f"{sample['failures']} of {sample['operations']} operations failed")
        return sample
    return Side(name, run)


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


def pgbench(programs, plan, node):
    """pgbench -M prepared; its latencies from a sample of its transactions."""
    def run(threads):
        with tempfile.TemporaryDirectory(prefix="agdb-pgbench.") as folder:
            script = pathlib.Path(folder) / "read.sql"
            script.write_text(f"\\set id random(1, {ROWS})\nSELECT id, payload FROM bench_row WHERE id = :id;\n",
                              encoding="utf-8")
            done = programs.run(
                [f"{bindir()}/pgbench", "-n", "-M", "prepared", "-h", node.socket, "-p", str(node.port), "-U", USER,
                 "-c", str(threads), "-j", str(min(threads, os.cpu_count())), "-T",
                 str(max(1, round(plan.warm + plan.seconds))), "-l", "--sampling-rate=0.05", "-f", str(script), DBNAME],
                cwd=folder)
            rates = [line.split()[2] for line in done.stdout.splitlines() if line.startswith("tps = ")]
            if done.returncode != 0 or not rates:
                raise Failure(f"pgbench: {(done.stderr or done.stdout).strip()[-200:]}")
            latencies = [int(line.split()[2]) for log in pathlib.Path(folder).glob("pgbench_log.*")
                         for line in log.read_text(encoding="utf-8").splitlines()]
        sample = {"side": "pgbench", "threads": threads, "per_second": float(rates[0])}
        if latencies:
            sample |= {"p50_us": percentile(latencies, 0.5), "p99_us": percentile(latencies, 0.99)}
        return sample
    return Side("pgbench", run)


class Samples:
    """What the sides gave, round by round; a side that failed once is out, with its reason."""

    def __init__(self):
        self.of = {}
        self.failed = {}

    def add(self, side, sample):
        self.of.setdefault(side, []).append(sample)

    def fail(self, side, reason):
        self.failed.setdefault(side, reason)

    def cpu_us(self, side):
        """CPU time of the client for one operation; None where it is not known (pgbench)."""
        used = [1e6 * sample["cpu_seconds"] / sample["operations"] for sample in self.of[side]
                if "cpu_seconds" in sample]
        return statistics.median(used) if used else None

    def values(self, side, field):
        if side in self.failed:
            raise Failure(f"{side}: {self.failed[side]}")
        if side not in self.of:
            raise Failure(f"{side}: did not run")
        return [sample[field] for sample in self.of[side]]


def alternate(sides, rounds, threads, samples=None):
    """A B C, C B A, A B C, ..."""
    samples = samples or Samples()
    for number in range(rounds):
        for side in sides if number % 2 == 0 else list(reversed(sides)):
            if side.name in samples.failed:
                continue
            try:
                samples.add(side.name, side.run(threads))
            except Failure as failure:
                samples.fail(side.name, str(failure))
    return samples


class Row:
    """One line of the table, one object of the JSON."""

    def __init__(self, measure, side, against, must=None, aim=None, less=False, unit="ratio"):
        self.measure, self.side, self.against = measure, side, against
        self.must, self.aim, self.less, self.unit = must, aim, less, unit
        self.values = []
        self.state = "failed"
        self.reason = ""
        self.absolute = None

    def take(self, values, absolute=None):
        self.values = list(values)
        self.state = "measured"
        self.absolute = absolute
        return self

    def compare(self, samples, field="per_second"):
        """The same-round ratios of two sides."""
        try:
            mine, theirs = samples.values(self.side, field), samples.values(self.against, field)
            absolute = {"field": field, "side": statistics.median(mine), "against": statistics.median(theirs)}
            for key, side in (("side_cpu_us", self.side), ("against_cpu_us", self.against)):
                absolute[key] = samples.cpu_us(side)
            self.take([a / b for a, b in zip(mine, theirs)], absolute)
        except Failure as failure:
            self.fail(str(failure))
        return self

    def fail(self, reason):
        self.state, self.reason, self.values = "failed", reason, []
        return self

    def later(self, reason):
        self.state, self.reason = "later", reason
        return self

    @property
    def ratio(self):
        return statistics.median(self.values) if self.values else None

    def reaches(self, bound):
        if bound is None or not self.values:
            return None
        return self.ratio <= bound if self.less else self.ratio >= bound

    @property
    def ok(self):
        """None: there is nothing to reach, or not yet."""
        if self.state == "failed":
            return False
        return self.reaches(self.must)

    def json(self):
        row = {"measure": self.measure, "side": self.side, "against": self.against, "ratio": self.ratio,
               "ratio_min": min(self.values, default=None), "ratio_max": max(self.values, default=None),
               "rounds": len(self.values), "must": self.must, "aim": self.aim, "ok": self.ok,
               "better": "less" if self.less else "more", "unit": self.unit, "state": self.state}
        if self.reason:
            row["reason"] = self.reason
        if self.absolute:
            row["absolute"] = self.absolute
        return row
