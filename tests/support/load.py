"""faults_load beside servers: what it reports, and its ledger compared with what servers have."""
import collections
import json
import subprocess

from support.common import Stuck, say, sql

# Those of a shard's tables whose rows are in the ledger, and how each is made.
TABLES = {"plain": "CREATE TABLE plain (id bigint); CREATE INDEX ON plain (id)",
          "idempotent": "CREATE TABLE idempotent (id bigint PRIMARY KEY)",
          "keyed": "CREATE TABLE keyed (id bigint); CREATE INDEX ON keyed (id)",
          "run": "CREATE TABLE run (id bigint); CREATE INDEX ON run (id)",
          "session": "CREATE TABLE session (id bigint); CREATE INDEX ON session (id)"}
KINDS = (*TABLES, "read", "read_replica", "read_session")
MAY_BE_UNKNOWN = ("plain", "session")
WORST = ("worst_ms", "oldest_ms")


def make_tables(port):
    sql(port, "CREATE ROLE app LOGIN", check=True)
    for text in TABLES.values():
        sql(port, text, check=True)
    sql(port, f"GRANT ALL ON {', '.join(TABLES)} TO app", check=True)


def write_map(path, nodes, pool="min: 2, max: 8", timeouts="call: 40s, park: 40s"):
    """`nodes`: the port of each by its name."""
    listed = ", ".join(f"{{ name: {name}, host: 127.0.0.1, port: {port} }}" for name, port in nodes.items())
    path.write_text("agencydb: 1\nepoch: 1\n"
                    "defaults:\n"
                    "  connection: { user: app, dbname: postgres }\n"
                    f"  pool: {{ {pool} }}\n"
                    f"  timeouts: {{ {timeouts} }}\n"
                    f"keyspaces:\n  core:\n    shards:\n      s0: {{ nodes: [ {listed} ] }}\n")
    return path


def stamp(agencydb, map_file):
    """The tables of the idempotency keys, and who may use them."""
    done = subprocess.run([agencydb, "init", "--user", "postgres", map_file], capture_output=True, text=True)
    if done.returncode != 0:
        raise Stuck(f"agencydb init: {done.stderr}")


class Load:
    """The process. `kinds`: the threads of each kind; `pause_us`: between two calls, on average."""

    def __init__(self, program, map_file, ledger, kinds, seed=1, pause_us=0):
        self.kinds = kinds
        self.ledger = ledger
        self.seen = {}
        self.process = subprocess.Popen(
            [program, map_file, ledger, str(seed), str(pause_us), *(f"{k}={n}" for k, n in kinds.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def look(self):
        """Adds what has happened since the last time. Returns all since the last `take`."""
        try:
            self.process.stdin.write("report\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise Stuck("the load has ended")
        self.seen = join(self.seen, json.loads(line))
        return self.seen

    def take(self):
        seen = self.look()
        self.seen = {}
        return seen

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=60)
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def join(before, now):
    """Two reports as one: numbers are added, but for those that are worst ones or of the moment."""
    both = dict(before)
    for name, value in now.items():
        if name not in before or name == "oldest_ms":
            both[name] = value
        elif isinstance(value, dict):
            both[name] = join(before[name], value)
        elif name in WORST:
            both[name] = max(before[name], value)
        elif isinstance(value, str):
            both[name] = value if name == "primary" else before[name] or value
        else:
            both[name] = before[name] + value
    return both


def worst_s(seen):
    return max(seen[kind]["worst_ms"] for kind in KINDS) / 1000


def unknown(seen):
    return sum(seen[kind]["unknown"] for kind in KINDS)


def errors(seen):
    """By kind, as text."""
    return ", ".join(f"{times} {name}" for name, times in sorted(seen["errors"].items())) or "no errors"


def judge(what, load, seen, verdicts):
    """What holds whenever primaries come and go: no error but `unknown`, and that of plain writes only."""
    for kind in KINDS:
        running = load.kinds.get("session" if kind == "read_session" else kind, 0) > 0
        if not running:
            continue
        verdicts.expect(seen[kind]["failed"] == 0, f"{what}: {kind} failed: {seen[kind]['error']}")
        verdicts.expect(seen[kind]["ok"] > 0, f"{what}: no {kind} succeeded")
        if kind not in MAY_BE_UNKNOWN:
            verdicts.expect(seen[kind]["unknown"] == 0, f"{what}: {kind}: {seen[kind]['unknown']} unknown")
    verdicts.expect(seen["late"] == 0,
                    f"{what}: {seen['late']} acknowledgements of a node after a newer primary was seen")
    if load.kinds.get("session", 0) > 0:
        verdicts.expect(seen["read_session"]["stale"] == 0,
                        f"{what}: {seen['read_session']['stale']} reads missed what their session wrote")


def judge_unknown(what, load, seen, verdicts):
    """No more than were in flight: each thread has one call at a time."""
    for kind in MAY_BE_UNKNOWN:
        threads = load.kinds.get(kind, 0)
        verdicts.expect(seen[kind]["unknown"] <= threads,
                        f"{what}: {seen[kind]['unknown']} {kind} writes unknown of {threads} in flight")


def rows(port):
    """The number of each write that a server has, and how often."""
    found = collections.Counter()
    for table in TABLES:
        found.update(int(line) for line in sql(port, f"SELECT id FROM {table}", check=True).split())
    return found


def compare(ledger, there, aside=None):
    """Counts LOST, GHOST, DUP, FOREIGN. `there`: the rows of the server that counts; `aside`: those of nodes,
    by name, whose primaries' time was over. What such a node has acknowledged and has itself is not lost."""
    there = collections.Counter(there)
    aside = aside or {}
    counts = collections.Counter()
    for line in ledger.read_text().splitlines():
        op, fate, _, node = line.split()
        op = int(op)
        times = there.pop(op, 0)
        elsewhere = sum(found.get(op, 0) for found in aside.values())
        gone = fate == "A" and times == 0
        stale = gone and aside.get(node, {}).get(op, 0) > 0
        counts[fate] += 1
        counts["stale"] += stale
        counts[f"stale {node}"] += stale
        counts["lost"] += gone and not stale
        counts["happened"] += fate == "U" and times > 0
        counts["ghost"] += fate == "F" and times + elsewhere > 0
        counts["dup"] += times > 1
    counts["foreign"] = len(there)
    return counts


def say_counts(counts):
    say(f"  ledger: {counts['A']} acknowledged, {counts['F']} failed, {counts['U']} unknown (of which happened "
        f"{counts['happened']}); LOST {counts['lost']} GHOST {counts['ghost']} DUP {counts['dup']} "
        f"FOREIGN {counts['foreign']}")


def judge_counts(what, counts, verdicts, strict=True):
    """`strict`: what was acknowledged has to be there."""
    for name in ("ghost", "dup", "foreign", *(["lost"] if strict else [])):
        verdicts.expect(counts[name] == 0, f"{what}: {name.upper()} {counts[name]}")
    verdicts.expect(counts["A"] > 0, f"{what}: nothing was acknowledged")
