"""Row 15: 64 threads on one server, which restarts: with room for all connections that the pool may open, and
with less than that. What the server meets is read from its log."""
import datetime
import re
import time

from faults import servers
from support import load as loads
from support.common import say, spread, until

KINDS = {"plain": 16, "idempotent": 8, "keyed": 8, "run": 8, "read": 24}
PAUSE_US = 10000
POOL_MAX = 32
ROOM = {"max_connections": "50", "superuser_reserved_connections": "3"}
ROOM_FOR = 16   # when there is not room for all
TIGHT_S = 2     # so long are those looked at that are turned away
HANDSHAKES = 4  # of a pool at once: src/client/topology.c
PROBE = 1       # the keeper's connection
AGAIN_S = 0.7   # at least, after one was turned away as too many: src/pool/limits.c
LINE = re.compile(r"^(\S+ \S+) \S+ (\d+) (?:LOG|FATAL):  (.*)$")
FULL = ("too many connections", "too many clients", "remaining connection slots")


class Meeting:
    """What the lines of a server's log say of connections."""

    def __init__(self, lines):
        begun = {}
        self.spans = []
        self.full = 0
        self.starting = 0
        for match in filter(None, map(LINE.match, lines)):
            stamp, pid, text = match.groups()
            at = datetime.datetime.fromisoformat(stamp).timestamp()
            if text.startswith("connection received"):
                begun[pid] = at
            elif text.startswith("connection authorized") or "FATAL:" in match.group(0):
                if pid in begun:
                    self.spans.append((begun.pop(pid), at))
                self.full += any(word in text for word in FULL)
                self.starting += "the database system is" in text

    def received(self):
        return len(self.spans)

    def length_s(self):
        return max(end for _, end in self.spans) - min(begin for begin, _ in self.spans) if self.spans else 0

    def at_once(self):
        """The most handshakes at one moment. One that ends in a millisecond is over when another begins."""
        edges = sorted([(end, -1) for _, end in self.spans] + [(begin, 1) for begin, _ in self.spans])
        most = now = 0
        for _, step in edges:
            now += step
            most = max(most, now)
        return most


class Restarts:
    def __init__(self, scene):
        self.scene = scene
        self.verdicts = scene.verdicts
        self.shard = servers.Shard(scene.folder, scene.template, 0, log_connections="on", **ROOM)
        self.load = None
        self.recovery_s = []
        self.at_once = []
        self.received = []
        self.full = []

    def run(self, rounds):
        server = self.shard.primary
        try:
            self.load = self.scene.start_load(self.shard, KINDS, PAUSE_US, f"min: 2, max: {POOL_MAX}")
            for _ in range(rounds):
                self.one(server, tight=False)
                self.one(server, tight=True)
            self.verdicts.expect(self.load.stop() == 0, "the load's exit status")
            counts = loads.compare(self.load.ledger, loads.rows(server.port))
            loads.say_counts(counts)
            loads.judge_counts("storm", counts, self.verdicts)
        finally:
            if self.load is not None:
                self.load.kill()
            self.shard.stop()
        say(f"  all {sum(KINDS.values())} threads answered {spread(self.recovery_s)} s after the server was "
            f"ready; handshakes at once {spread(self.at_once, '{}')}, in all {spread(self.received, '{}')}, "
            f"turned away as too many {spread(self.full, '{}')}")

    def one(self, server, tight):
        rng = self.scene.rng
        server.sql(f"ALTER ROLE app CONNECTION LIMIT {ROOM_FOR if tight else -1}")
        time.sleep(rng.uniform(0.3, 0.8))
        loads.judge("before", self.load, self.load.take(), self.verdicts)
        begin = server.log.stat().st_size
        if rng.random() < 0.5:
            server.kill()
        else:
            server.stop()
        server.gone()
        time.sleep(rng.uniform(0.1, 1.0))
        server.start(wait=False)
        until("the server is ready", lambda: "ready to accept connections" in lines_since(server.log, begin),
              pause=0.005)
        ready = time.monotonic()
        self.recovery_s.append(self.scene.wait_all_answered(self.load, ready))
        time.sleep(TIGHT_S if tight else 0.3)
        self.judge("tight" if tight else "roomy", tight, Meeting(lines_since(server.log, begin).splitlines()))

    def judge(self, what, tight, met):
        seen = self.load.take()
        expect = self.verdicts.expect
        loads.judge(what, self.load, seen, self.verdicts)
        loads.judge_unknown(what, self.load, seen, self.verdicts)
        most = HANDSHAKES + PROBE
        turns = 5 + met.length_s()  # waits double from 50 ms to a second
        expect(met.received() > 0, f"{what}: the server's log shows no connections")
        expect(met.at_once() <= most, f"{what}: {met.at_once()} handshakes at once, not {most}")
        expect(met.starting <= most * turns, f"{what}: {met.starting} attempts while the server started")
        if tight:
            # One that succeeds lets the next ones go at once; then there are waits.
            expect(0 < met.full <= HANDSHAKES * (ROOM_FOR / 2 + met.length_s() / AGAIN_S),
                   f"{what}: {met.full} were turned away as too many in {met.length_s():.1f} s")
        else:
            expect(met.full == 0, f"{what}: {met.full} were turned away as too many")
            expect(met.received() - met.starting <= sum(KINDS.values()),
                   f"{what}: {met.received() - met.starting} connections for {POOL_MAX} and the probe")
        self.at_once.append(met.at_once())
        self.received.append(met.received())
        self.full.append(met.full)


def lines_since(log, begin):
    with open(log, "rb") as stream:
        stream.seek(begin)
        return stream.read().decode(errors="replace")


def restarts(scene, rounds):
    Restarts(scene).run(rounds)
