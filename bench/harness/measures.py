"""The measures, in groups that share servers. A group is a function(context) that yields rows."""
import contextlib
import json
import os
import re
import statistics
import subprocess
import tempfile

from .base import Failure
from .rounds import Row, Samples, alternate, load, pgbench
from .servers import ROWS, Cluster

ONE = {"core": {"main": ([0], "agency")}}
BASE = ONE | {"routed": {"r-0": ([0], "routed_0"), "r-1": ([0], "routed_1")}}
SCATTERED = {"core": {f"s-{at}": ([0], f"scattered_{at}") for at in range(8)}}
COPIED = {"core": {"main": ([0, 1], "agency")}}
MEDIUM = {"core": {"main": ([0, 1, 2], "agency")}}
LARGE = {"core": {f"core-{at}": ([2 * at, 2 * at + 1], "agency") for at in range(4)}}

# The map's own width for reads; as wide as raw libpq where that is what is compared.
WIDE = "min: 2, max: 64"

# Where each call has a connection to itself, as raw has, they are there from the beginning, as raw's are.
FULL = "min: 64, max: 64"


class Context:
    """What the groups share: programs, plan, servers that are up, samples for the chart."""

    def __init__(self, programs, plan, say):
        self.programs, self.plan, self.say = programs, plan, say
        self.chart = {}  # side -> threads -> samples
        self.notes = {}
        self.stack = contextlib.ExitStack()
        self.shared = None

    def cluster(self, name, shape, durable=False):
        self.say(f"booting {name}")
        return Cluster(self.programs, name, shape, durable)

    def base(self):
        """One server without flushing, which most groups use."""
        if self.shared is None:
            self.shared = self.stack.enter_context(self.cluster("base", BASE))
            self.shared.fill("core")
        return self.shared

    def close(self):
        self.stack.close()

    def agdb(self, cluster, keyspace="core", pool="", tcp_port=None, args=(), name="agdb", prefix=(), way="agdb"):
        """The library; `way` is how bench_load calls it: agdb, submit, many, ..."""
        return load(self.programs, self.plan, name, way,
                    ["--map", cluster.map(keyspace, pool, tcp_port), *args], prefix)

    def raw(self, conninfos, args=(), name="raw", prefix=(), way="raw"):
        primaries = [word for conninfo in conninfos for word in ("--primary", conninfo)]
        return load(self.programs, self.plan, name, way, [*primaries, *args], prefix)

    def rounds(self, sides, threads, what):
        self.say(f"{what}, {threads} {'thread' if threads == 1 else 'threads'}")
        return alternate(sides, self.plan.rounds, threads)

    def pair(self, row, sides, threads, field="per_second"):
        """Two sides, one row."""
        samples = self.rounds(sides, threads, row.measure)
        return row.compare(samples, field)

    def transactions(self, cluster, conninfo, tcp_port=None, prefix=()):
        """A read, an update and a read of one row as one transaction: raw, ours, ours as an array."""
        args = ["--work", "transaction"]
        return [self.raw([conninfo], args, prefix=prefix, way="raw_tx"),
                self.agdb(cluster, tcp_port=tcp_port, args=args, prefix=prefix, name="agdb transaction", way="tx"),
                self.agdb(cluster, tcp_port=tcp_port, args=args, prefix=prefix, name="agdb_query_tx", way="tx_array")]


# --- micro ----------------------------------------------------------------------------------------
def route(context):
    """A 16-byte key to its shard: CPU time, no I/O."""
    rows = [Row("route-16-byte-key", "map", "", 15, 10, less=True, unit="ns"),
            Row("route-16-byte-key-public-map", "agdb_map_route", "", less=True, unit="ns"),
            Row("route-16-byte-key-client", "agdb_route", "", less=True, unit="ns")]
    context.say("routing")
    text = ["agencydb: 1", "epoch: 1", "default_keyspace: core", "keyspaces:", "  core:", "    shards:"]
    text += [f"      s-{at}: {{ slots: [{at * 512}-{at * 512 + 511}], nodes: [ \"127.0.0.{at + 1}:1\" ] }}"
             for at in range(8)]
    samples = []
    try:
        path = context.stack.enter_context(temporary_file("\n".join(text) + "\n"))
        for _ in range(context.plan.rounds):
            samples.append(context.programs.json("route", path))
    except Failure as failure:
        return [row.fail(str(failure)) for row in rows]
    return [row.take([sample[field] for sample in samples])
            for row, field in zip(rows, ("map_ns", "public_map_ns", "client_ns"))]


@contextlib.contextmanager
def temporary_file(text):

    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        yield file.name


def claim(context):
    """Claiming and releasing a connection: CPU time of a pair."""
    rows = [(Row("claim-release-1", "agdb", "", 25, 10, less=True, unit="ns"), 1, 8, 2000000),
            (Row("claim-release-8", "agdb", "", 25, 10, less=True, unit="ns"), 8, 8, 500000),
            (Row("claim-release-8-on-4", "agdb", "", less=True, aim=10, unit="ns"), 8, 4, 100000)]
    cluster = context.base()
    for row, threads, connections, pairs in rows:
        context.say(row.measure)
        path = cluster.map("core", f"min: {connections}, max: {connections}")
        try:
            row.take([context.programs.json("claim", path, threads, pairs)["cpu_ns"]
                      for _ in range(context.plan.rounds)])
        except Failure as failure:
            row.fail(str(failure))
    return [row for row, *_ in rows]


def instructions(context):
    """Instructions of one call, exactly: the difference between many calls and twice as many."""
    row = Row("instructions-per-call", "agdb", "raw", less=True)
    share = Row("metrics-share", "counting", "agdb_query", 2, less=True, unit="%")
    cluster = context.base()
    context.say("counting instructions")
    try:
        counts = instructions_of(context.programs, cluster)
        row.take([counts["agdb"] / counts["raw"]],
                 {"field": "instructions", "side": counts["agdb"], "against": counts["raw"]})
        share.take([100 * counts["counting"] / counts["query"]],
                   {"field": "instructions", "side": counts["counting"], "against": counts["query"]})
    except Failure as failure:
        row.fail(str(failure))
        share.fail(str(failure))
    return [row, share]


# What counts a call with a key and a tag, within what: each with all that it calls.
COUNTED = {"counting": "agdb__call_count", "query": "agdb_query"}


def instructions_of(programs, cluster, calls=500):
    node = cluster.primaries("core")[0]
    places = {"agdb": cluster.map("core"), "raw": node.conninfo()}
    counts = {}
    for side, place in places.items():
        once, twice = (collected(programs, side, place, times * calls) for times in (1, 2))
        counts[side] = (twice["all"] - once["all"]) / calls
        if side == "agdb":
            counts.update((name, (twice[name] - once[name]) / calls) for name in COUNTED)
    return counts


def collected(programs, side, place, calls):
    """Instructions of all calls; of the library also those of each in COUNTED."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/callgrind"
        done = programs.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                             "--toggle-collect=measured_call", programs.path("calls"), side, place, str(calls)],
                            limit=300)
        found = [line.rsplit(":", 1)[1] for line in done.stderr.splitlines() if "Collected :" in line]
        if done.returncode != 0 or not found:
            raise Failure(f"callgrind: {done.stderr.strip()[-200:]}")
        counts = {"all": int(found[0].split()[0])}
        if side == "agdb":
            table = programs.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--auto=no", out]).stdout
            counts.update((name, inclusive(table, function)) for name, function in COUNTED.items())
        return counts


def inclusive(table, function):
    """`1,234 ( 1.2%)  file:function [object]`. A line without an object is a part of it."""
    found = re.findall(rf"^\s*([\d,]+) .*:{function} \[[^]]*\]$", table, re.M)
    if not found:
        raise Failure(f"callgrind saw no {function}")
    return max(int(text.replace(",", "")) for text in found)


# --- reads ----------------------------------------------------------------------------------------
def latency(context):
    """One process, one thread, blocks of 50 calls in turn."""
    row = Row("latency-1", "agdb", "raw", 1.05, 1.01, less=True)
    cluster = context.base()
    node = cluster.primaries("core")[0]
    context.say("latency of one thread, in one process")
    try:
        samples = [context.programs.json("load", "--side", "raw", "--pair", "agdb", "--primary", node.conninfo(),
                                         "--map", cluster.map("core"), "--rows", 20000, "--warm", context.plan.warm,
                                         "--seconds", 2 * context.plan.seconds) for _ in range(context.plan.rounds)]
        row.take([sample["block_ratio"] for sample in samples],
                 {"field": "p50_us", "side": statistics.median(sample["p50_us"] for sample in samples),
                  "against": statistics.median(sample["against_p50_us"] for sample in samples)})
    except Failure as failure:
        row.fail(str(failure))
    return [row]


READS = [  # measure, threads, against, field, must, aim, less is better
    ("reads-2", 2, "raw", "per_second", 0.95, 1.05, False),
    ("reads-4", 4, "raw", "per_second", 0.95, 1.05, False),
    ("reads-16", 16, "raw", "per_second", 2, 3, False),
    ("reads-64", 64, "raw", "per_second", 3, 4.5, False),
    ("reads-64-p99", 64, "raw", "p99_us", 1 / 3, 1 / 5, True),
    ("reads-64", 64, "mutexpool", "per_second", 3, 4, False),
    ("reads-64", 64, "pgbench", "per_second", 2, 3, False),
    ("reads-16", 16, "pgbouncer-session", "per_second", 2.5, 4, False),
    ("reads-16", 16, "pgbouncer-tx", "per_second", 4, 6, False),
]

OUTSTANDING = 64  # of one thread, against as many threads


def reads(context):
    """Point reads over threads, all sides: the table's rows and the chart."""
    cluster = context.base()
    node = cluster.primaries("core")[0]
    sides = [context.raw([node.conninfo()]),
             load(context.programs, context.plan, "mutexpool", "mutexpool", ["--primary", node.conninfo(), "--pool", 4]),
             pgbench(context.programs, context.plan, node), context.agdb(cluster),
             context.agdb(cluster, name="agdb_submit", way="submit")]
    many = context.agdb(cluster, name="agdb_query_many", way="many")
    samples = Samples()
    for name, mode, size, args in (("pgbouncer-session", "session", 100, []),
                                   ("pgbouncer-tx", "transaction", 4, ["--unnamed"])):
        try:
            sides.append(context.raw([cluster.pgbouncer(node, mode, size)], args, name=name))
        except (Failure, OSError) as failure:
            samples.fail(name, str(failure))
    by_threads = {}
    for threads in context.plan.threads:
        context.say(f"reads, {threads} {'thread' if threads == 1 else 'threads'}")
        some = Samples()
        some.failed.update(samples.failed)
        these = sides + [many] if threads == OUTSTANDING else sides
        by_threads[threads] = alternate(these, context.plan.rounds, threads, some)
        for side, values in some.of.items():
            if side not in some.failed:
                context.chart.setdefault(side, {})[threads] = values
    rows = [Row(measure, "agdb", against, must, aim, less).compare(by_threads[threads], field)
            for measure, threads, against, field, must, aim, less in READS]
    return rows + [Row(f"outstanding-{OUTSTANDING}", side, "raw", 4, 6).compare(by_threads[OUTSTANDING])
                   for side in ("agdb_submit", "agdb_query_many")]


def routed(context):
    """A key decides between two databases; PL/Proxy does it in the server."""
    rows = [Row("routed-4", "agdb", "plproxy", 3, 5), Row("routed-16", "agdb", "plproxy", 5, 9)]
    cluster = context.base()
    try:
        cluster.fill("routed")
        conninfo = cluster.plproxy("routed")
    except Failure as failure:
        return [row.fail(str(failure)) for row in rows]
    sides = [context.raw([conninfo], ["--sql", "SELECT $1::bigint, bench_get($1)"], name="plproxy"),
             context.agdb(cluster, "routed")]
    by_threads = {threads: context.rounds(sides, threads, "routed reads") for threads in context.plan.threads
                  if threads in (4, 16) or not context.plan.quick}
    for threads, samples in by_threads.items():
        if "plproxy" in samples.of and "plproxy" not in samples.failed:
            context.chart.setdefault("plproxy", {})[threads] = samples.of["plproxy"]
    return [row.compare(by_threads[threads]) for row, threads in zip(rows, (4, 16))]


def distinct(context):
    """Point reads of 64 threads with 200 statements, one at random each time."""
    cluster = context.base()
    node = cluster.primaries("core")[0]
    args = ["--work", "distinct"]
    return [context.pair(Row("reads-64-200-statements", "agdb", "raw", 2.5, 4),
                         [context.raw([node.conninfo()], args), context.agdb(cluster, args=args)], 64)]


def tcp(context):
    """Point reads of 64 threads over TCP instead of sockets."""
    cluster = context.base()
    node = cluster.primaries("core")[0]
    return [context.pair(Row("reads-64-tcp", "agdb", "raw", 2.5, 4),
                         [context.raw([node.conninfo(host="127.0.0.1")]), context.agdb(cluster, tcp_port=0)], 64)]


def mixed(context):
    """Point reads beside one statement of a second after the other, to the same without it."""
    cluster = context.base()
    return [context.pair(Row("mixed-64-p99", "agdb", "agdb alone", 1.5, 1.1, less=True),
                         [context.agdb(cluster, name="agdb alone"), context.agdb(cluster, args=["--disturb"])], 64,
                         "p99_us")]


def slow(context):
    """A statement of 2 ms, 20 threads, as many connections."""
    cluster = context.base()
    node = cluster.primaries("core")[0]
    args = ["--work", "slow"]
    return [context.pair(Row("slow-20", "agdb", "raw", 0.95, 1),
                         [context.raw([node.conninfo()], args),
                          context.agdb(cluster, pool="min: 20, max: 20", args=args)], 20)]


def width(context):
    """How many of 20 connections are used, as the server sees it: throughput times service time."""
    cluster = context.base()
    conninfo = cluster.primaries("core")[0].conninfo()
    rows = []
    for work, threads in (("read", 4), ("read", 16), ("read", 64), ("slow", 20)):
        side = context.agdb(cluster, pool="min: 1, max: 20",
                            args=["--work", work, "--census", conninfo, "--warm", 2 * context.plan.warm])
        rows.append(Row(f"width-{work}-{threads}", "agdb", "", less=True, unit="connections"))
        samples = context.rounds([side], threads, rows[-1].measure)
        try:
            used, held = (samples.values("agdb", f"connections_{what}") for what in ("used", "open"))
            rows[-1].take(used, {"field": "connections_open", "side": statistics.median(held)})
        except Failure as failure:
            rows[-1].fail(str(failure))
    return rows


def results(context):
    """Answers of 1, 100 and 10,000 rows."""
    cluster = context.base()
    node = cluster.primaries("core")[0]
    rows = []
    for count in (1, 100, 10000):
        args = ["--work", "rows", "--limit", count]
        rows.append(context.pair(Row(f"results-{count}-rows", "agdb", "raw"),
                                 [context.raw([node.conninfo()], args), context.agdb(cluster, args=args)], 4))
    return rows


# --- writes ---------------------------------------------------------------------------------------
HOT_ROWS = 50


def writes(context):
    """Updates of 64 threads: commits not waited for (on 50 rows, too), flushed, confirmed by a standby."""
    rows = [Row("writes-64-commit-off", "agdb", "raw", 1.5, 2), Row("writes-64-hot-rows", "agdb", "raw", 1),
            Row("writes-64-fsync", "agdb", "raw", 0.95, 1), Row("writes-64-standby", "agdb", "raw", 0.95, 1)]

    def one(row, cluster, pool, count=ROWS, **settings):
        node = cluster.primaries("core")[0]
        args = ["--work", "write", "--rows", count]
        cluster.configure(node, **settings)
        context.pair(row, [context.raw([node.conninfo()], args), context.agdb(cluster, pool=pool, args=args)], 64)

    try:
        with context.cluster("durable", ONE, durable=True) as cluster:
            cluster.fill("core")
            one(rows[0], cluster, WIDE, synchronous_commit="off")
            one(rows[1], cluster, WIDE, HOT_ROWS, synchronous_commit="off")
            one(rows[2], cluster, FULL, synchronous_commit="on")
        with context.cluster("standby", COPIED, durable=True) as cluster:
            cluster.fill("core")
            one(rows[3], cluster, FULL, synchronous_commit="on", synchronous_standby_names="*")
    except Failure as failure:
        for row in rows:
            if row.state != "measured":
                row.fail(str(failure))
    return rows


# --- topologies -----------------------------------------------------------------------------------
def topologies(context):
    """The same application on one server, on a primary with two replicas, on four shards of two."""
    rows = []
    for name, shape in (("small", ONE), ("medium", MEDIUM), ("large", LARGE)):
        row = Row(f"topology-{name}", "agdb", "raw")
        rows.append(row)
        try:
            with context.cluster(name, shape) as cluster:
                cluster.fill("core", by_agency=name == "large")
                order = sorted(shape["core"])
                primaries = sorted(cluster.primaries("core"), key=lambda node: order.index(node.shard))
                replicas = sorted(cluster.replicas("core"), key=lambda node: order.index(node.shard))
                args = ["--work", "app"] + [word for node in replicas for word in ("--replica", node.conninfo())]
                context.pair(row, [context.raw([node.conninfo() for node in primaries], args),
                                   context.agdb(cluster, args=args)], 16)
        except Failure as failure:
            row.fail(str(failure))
    return rows


# --- transactions ---------------------------------------------------------------------------------
def transactions(context):
    """Transactions of three statements, each by itself and as an array."""
    cluster = context.base()
    sides = context.transactions(cluster, cluster.primaries("core")[0].conninfo())
    rows = []
    for threads in (1, 16):
        samples = context.rounds(sides, threads, "transactions")
        rows += [Row(f"transactions-{threads}{suffix}", side.name, "raw").compare(samples)
                 for side, suffix in zip(sides[1:], ("", "-array"))]
    return rows


# --- a network of half a millisecond --------------------------------------------------------------
ROUND_TRIP_US = 500
MANY = 100  # point reads of one call, against as many by one thread one after the other


def netem(context):
    """A network namespace whose loopback is slow, as a command prefix; None: not on this kernel."""
    name = f"agdb-bench-{os.getpid()}"
    if os.geteuid() != 0:
        return None
    commands = (["ip", "netns", "add", name], ["ip", "-n", name, "link", "set", "lo", "up"],
                ["tc", "-n", name, "qdisc", "add", "dev", "lo", "root", "netem", "delay", f"{ROUND_TRIP_US // 2}us"])
    for command in commands:
        if subprocess.run(command, capture_output=True).returncode != 0:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
            return None
    context.stack.callback(subprocess.run, ["ip", "netns", "del", name], capture_output=True)
    return ["ip", "netns", "exec", name]


def delay(context):
    """A network with a round trip of half a millisecond."""
    rows = [Row("delay-reads-1", "agdb", "raw"), Row("delay-reads-64", "agdb", "raw"),
            Row("delay-many-100", "agdb_query_many", "raw", 20, 50),
            Row("delay-transaction-3", "agdb transaction", "raw", 1.3, 2),
            Row("delay-transaction-3-array", "agdb_query_tx", "raw")]
    cluster = context.base()
    node = cluster.primaries("core")[0]
    prefix = netem(context)
    context.notes["round trip of 0.5 ms"] = "netem" if prefix else "relay of the bench"
    try:
        port, conninfo = cluster.relay(node, 0 if prefix else ROUND_TRIP_US // 2, prefix or ())
    except (Failure, OSError) as failure:
        rows = [row.fail(str(failure)) for row in rows]
    else:
        raw = context.raw([conninfo], prefix=prefix or ())
        agdb = context.agdb(cluster, tcp_port=port, prefix=prefix or ())
        many = context.agdb(cluster, tcp_port=port, prefix=prefix or (), name="agdb_query_many", way="many",
                            args=["--threads", MANY])
        for row, sides, threads in zip(rows, ([raw, agdb], [raw, agdb], [raw, many]), (1, 64, 1)):
            context.pair(row, sides, threads)
        samples = context.rounds(context.transactions(cluster, conninfo, port, prefix or ()), 1, rows[3].measure)
        for row in rows[3:]:
            row.compare(samples)
    return rows


# --- memory ---------------------------------------------------------------------------------------
CLIENTS, CONNECTIONS = 16, 64


def memory(context):
    """Heap and resident memory; first with one connection each, then with many."""
    rows = {(what, side, kind): Row(f"memory-{what}-{kind}", side, "", less=True, unit="bytes")
            for what, side in (("client", "agdb"), ("connection", "agdb"), ("connection", "raw"))
            for kind in ("heap", "resident")}
    cluster = context.base()
    conninfo = cluster.primaries("core")[0].conninfo()
    context.say("memory")
    thin = cluster.map("core", f"min: 1, max: {CONNECTIONS + 1}")
    thick = cluster.map("core", f"min: {CONNECTIONS + 1}, max: {CONNECTIONS + 1}")
    taken = {key: [] for key in rows}
    try:
        for _ in range(context.plan.rounds):
            one = context.programs.json("memory", "agdb", thin, 1, 1, conninfo)
            many = context.programs.json("memory", "agdb", thin, CLIENTS + 1, CLIENTS + 1, conninfo)
            full = context.programs.json("memory", "agdb", thick, 1, CONNECTIONS + 1, conninfo)
            plain = context.programs.json("memory", "raw", CONNECTIONS, conninfo)
            for kind in ("heap", "resident"):
                connection = (full[kind] - one[kind]) / CONNECTIONS
                taken["connection", "agdb", kind].append(connection)
                taken["client", "agdb", kind].append((many[kind] - one[kind]) / CLIENTS - connection)
                taken["connection", "raw", kind].append(plain[kind] / CONNECTIONS)
    except Failure as failure:
        made = [row.fail(str(failure)) for row in rows.values()]
    else:
        made = [row.take(taken[key]) for key, row in rows.items()]
    return made + [soaked(context)]


def soaked(context):
    """What bench/soak left; an hour does not fit into a run."""
    row = Row("memory-after-an-hour", "agdb", "agdb after its first tenth", 1.05, 1.01, less=True)
    try:
        with open(context.programs.folder / "soak.json", encoding="utf-8") as file:
            soak = json.load(file)
    except (OSError, ValueError):
        return row.later("bench/soak has not run here")
    row.measure = "memory-after-an-hour" if soak["minutes"] >= 60 else f"memory-after-{soak['minutes']:g}-minutes"
    if soak["failures"]:
        return row.fail(f"{soak['failures']} calls failed")
    return row.take([soak["growth"]])


# --- several shards -------------------------------------------------------------------------------
def scatter(context):
    """One statement on eight shards of one server, to the same on one of them: medians of one thread."""
    rows = [Row("scatter-8-slow", "agdb scatter", "agdb one shard", 1.05, 1.02, less=True),
            Row("scatter-8-trivial", "agdb scatter", "agdb one shard", 2.8, 2, less=True)]
    statements = ("SELECT $1::bigint AS id, pg_sleep(0.01)", "SELECT $1::bigint AS id")
    try:
        with context.cluster("scattered", SCATTERED) as cluster:
            for row, sql in zip(rows, statements):
                args = ["--sql", sql]
                context.pair(row, [context.agdb(cluster, args=args, name="agdb one shard"),
                                   context.agdb(cluster, args=args, name="agdb scatter", way="scatter")], 1, "p50_us")
    except Failure as failure:
        rows = [row if row.state == "measured" else row.fail(str(failure)) for row in rows]
    return rows


GROUPS = {"route": route, "claim": claim, "instructions": instructions, "latency": latency, "reads": reads,
          "routed": routed, "distinct": distinct, "tcp": tcp, "mixed": mixed, "slow": slow, "width": width,
          "results": results, "writes": writes, "topologies": topologies, "transactions": transactions,
          "delay": delay, "memory": memory, "scatter": scatter}

# Runs of bench_load in one round, or what takes as long.
RUNS = {"route": lambda plan: 1, "claim": lambda plan: 3, "instructions": lambda plan: 2, "latency": lambda plan: 2,
        "reads": lambda plan: 8 * len(plan.threads) + 1,
        "routed": lambda plan: 4 if plan.quick else 2 * len(plan.threads),
        "distinct": lambda plan: 2, "tcp": lambda plan: 2, "mixed": lambda plan: 2, "slow": lambda plan: 2,
        "width": lambda plan: 5, "results": lambda plan: 6, "writes": lambda plan: 8, "topologies": lambda plan: 6,
        "transactions": lambda plan: 6, "delay": lambda plan: 9, "memory": lambda plan: 2, "scatter": lambda plan: 4}
STARTING_S = 0.3  # of a program, with its connections
BOOTING_S = {"writes": 20, "topologies": 40, "scatter": 10}


def seconds(name, plan):
    """About how long a group takes."""
    return RUNS[name](plan) * plan.rounds * (plan.warm + plan.seconds + STARTING_S) + BOOTING_S.get(name, 0)
