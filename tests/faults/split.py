"""Row 3: a standby is promoted while the primary lives, then a second one: two primaries of one timeline."""
import collections
import time

from faults import servers
from support import load as loads
from support.common import say, spread, until

KINDS = {"plain": 4, "idempotent": 2, "keyed": 2, "run": 2, "read": 2, "read_replica": 2}
PAUSE_US = 5000
REFUSED = "SPLIT_BRAIN not sent"


class Splits:
    def __init__(self, scene):
        self.scene = scene
        self.verdicts = scene.verdicts
        self.shard = servers.Shard(scene.folder, scene.template, 2, **servers.CHEAP)
        self.load = None
        self.stale = []
        self.newer_s = []
        self.equal_s = []
        self.refused = []
        self.counts = collections.Counter()

    def run(self, rounds):
        try:
            for number in range(rounds):
                losers = self.one()
                if number + 1 < rounds:
                    self.mend(*losers)
        finally:
            if self.load is not None:
                self.load.kill()
            self.shard.stop()
        loads.say_counts(self.counts)
        say(f"  newer timeline seen after {spread(self.newer_s)} s, writes on the stale node before that "
            f"{spread(self.stale, '{}')}; equal one after {spread(self.equal_s)} s, then refused "
            f"{spread(self.refused, '{}')} calls")

    def one(self):
        """With a client and a ledger of its own: what the losers of the last one had is gone. Returns those of
        this one."""
        old = self.shard.primary
        first, second = self.shard.standbys()
        self.shard.begin_anew()
        self.load = self.scene.start_load(self.shard, KINDS, PAUSE_US)
        time.sleep(self.scene.rng.uniform(0.3, 0.8))
        loads.judge("before", self.load, self.load.take(), self.verdicts)
        self.newer(first)
        self.equal(second)
        aside = {server.name: loads.rows(server.port) for server in (old, second)}
        self.end(first, second)
        self.verdicts.expect(self.load.stop() == 0, "the load's exit status")
        self.compare(aside, first, second)
        return old, second

    def newer(self, first):
        self.shard.promote(first)
        begin = time.monotonic()
        until("the newer timeline is seen", lambda: self.load.look()["primary"] == first.name, pause=0.01)
        self.newer_s.append(time.monotonic() - begin)
        time.sleep(self.scene.rng.uniform(0.3, 0.8))
        seen = self.load.take()
        loads.judge("newer", self.load, seen, self.verdicts)
        loads.judge_unknown("newer", self.load, seen, self.verdicts)
        self.verdicts.expect(seen["stale_primaries"] > 0, "newer: nobody was told of the stale primary")

    def equal(self, second):
        """From the moment at which it is seen on no call but those in flight has an answer."""
        second.promote()
        begin = time.monotonic()
        until("the split is seen", lambda: self.load.look()["splits"] > 0, pause=0.01)
        self.equal_s.append(time.monotonic() - begin)
        time.sleep(0.5)
        at_first = self.load.take()
        time.sleep(self.scene.rng.uniform(0.3, 0.8))
        then = self.load.take()
        for seen in (at_first, then):
            self.verdicts.expect(seen["split_late"] == 0,
                                 f"equal: {seen['split_late']} writes acknowledged beside two primaries")
            others = {name for name in seen["errors"] if name != REFUSED and not name.endswith(" unknown")}
            self.verdicts.expect(not others, f"equal: other errors: {', '.join(sorted(others))}")
        for kind in loads.TABLES:
            self.verdicts.expect(then[kind]["ok"] == 0, f"equal: {then[kind]['ok']} {kind} writes went through")
        self.verdicts.expect(list(then["errors"]) == [REFUSED], f"equal: refused by {list(then['errors'])}")
        self.refused.append(then["errors"].get(REFUSED, 0))

    def end(self, first, second):
        begin = time.monotonic()
        second.kill()
        self.scene.wait_all_answered(self.load, begin)
        self.load.take()
        time.sleep(0.3)
        seen = self.load.take()
        loads.judge("ended", self.load, seen, self.verdicts)
        self.verdicts.expect(seen["primary"] == first.name, f"ended: the primary is {seen['primary']}")

    def compare(self, aside, first, second):
        counts = loads.compare(self.load.ledger, loads.rows(first.port), aside)
        loads.judge_counts("split", counts, self.verdicts)
        self.verdicts.expect(counts[f"stale {second.name}"] == 0,
                             f"split: {counts[f'stale {second.name}']} writes acknowledged by the second one")
        self.stale.append(counts["stale"])
        self.counts.update(counts)

    def mend(self, old, second):
        """pg_rewind takes two of one timeline for one and the same."""
        old.rebuild(self.shard.primary, self.scene.rng.choice(["rewind", "copy"]))
        second.rebuild(self.shard.primary, "copy")
        self.shard.wait_whole()


def splits(scene, rounds):
    Splits(scene).run(rounds)
