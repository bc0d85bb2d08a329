"""Rows 1 and 2: the primary is killed, or stopped as planned, and its standby promoted, under load."""
import time

from support import load as loads
from support.common import say, spread
from faults import servers

KINDS = {"plain": 4, "idempotent": 2, "keyed": 2, "run": 2, "read": 2, "read_replica": 2}
PAUSE_US = 5000
STALL_S = 5  # a call's longest wait, beyond the time in which there is no primary


class Moves:
    """A shard whose primary moves again and again, with one client for all of them. `sync`: commits wait for
    the standby, so that nothing acknowledged is lost."""

    def __init__(self, scene, shard, name, kill, sync=False):
        self.scene = scene
        self.shard = shard
        self.name = name
        self.kill = kill
        self.sync = sync
        self.load = None
        self.stalls = []
        self.own = []
        self.unknowns = []
        self.errors = {}
        self.rebuilt = {}

    def run(self, rounds):
        try:
            self.load = self.scene.start_load(self.shard, KINDS, PAUSE_US)
            for _ in range(rounds):
                self.one()
            self.scene.verdicts.expect(self.load.stop() == 0, f"{self.name}: the load's exit status")
            counts = loads.compare(self.load.ledger, loads.rows(self.shard.primary.port))
        finally:
            if self.load is not None:
                self.load.kill()
        loads.say_counts(counts)
        # A standby that is not waited for does not have the last commits of a killed primary.
        loads.judge_counts(self.name, counts, self.scene.verdicts, self.sync or not self.kill)
        self.figures(counts)

    def one(self):
        rng = self.scene.rng
        shard = self.shard
        if self.sync:
            shard.set_synchronous(shard.standbys()[0].name)
        shard.wait_whole()
        time.sleep(rng.uniform(0.2, 0.8))
        loads.judge(f"{self.name}, before", self.load, self.load.take(), self.scene.verdicts)
        old, new = shard.primary, shard.standbys()[0]
        begin = time.monotonic()
        if self.kill:
            old.kill(alone=rng.random() < 0.3)
            time.sleep(rng.uniform(0, 0.4))
        else:
            old.stop()
        shard.promote(new)
        own_s = time.monotonic() - begin
        self.scene.wait_all_answered(self.load, begin + own_s)
        stall_s = loads.worst_s(self.load.look())
        self.put_back(old)
        self.judge(own_s, stall_s)

    def put_back(self, old):
        """A killed one may have more than the new primary; one that was stopped has not."""
        if self.kill:
            how = old.rebuild(self.shard.primary, self.scene.rng.choice(["rewind", "copy"]))
        else:
            old.follow(self.shard.primary)
            old.start()
            how = "as it is"
        self.rebuilt[how] = self.rebuilt.get(how, 0) + 1
        self.shard.wait_whole()

    def judge(self, own_s, stall_s):
        seen = self.load.take()
        verdicts = self.scene.verdicts
        loads.judge(self.name, self.load, seen, verdicts)
        loads.judge_unknown(self.name, self.load, seen, verdicts)
        verdicts.expect(seen["primary"] == self.shard.primary.name,
                        f"{self.name}: the client has {seen['primary']} for the primary, which is "
                        f"{self.shard.primary.name}")
        verdicts.expect(stall_s <= own_s + STALL_S,
                        f"{self.name}: a call took {stall_s:.1f} s; without a primary were {own_s:.1f} s")
        self.own.append(own_s)
        self.stalls.append(stall_s)
        self.unknowns.append(loads.unknown(seen))
        for name, times in seen["errors"].items():
            self.errors[name] = self.errors.get(name, 0) + times

    def figures(self, counts):
        beyond = [stall - own for stall, own in zip(self.stalls, self.own)]
        say(f"  {self.name}: {len(self.stalls)} times; without a primary {spread(self.own)} s, longest call "
            f"{spread(self.stalls)} s (beyond it {spread(beyond)} s)")
        say(f"  {loads.errors({'errors': self.errors})}; unknown of each {spread(self.unknowns, '{}')}, LOST "
            f"{counts['lost']}; old primary back: "
            + ", ".join(f"{times} by {how}" for how, times in sorted(self.rebuilt.items())))


def run_both(scene, rounds, *moves):
    shard = servers.Shard(scene.folder, scene.template, 1)
    try:
        for settings, make in moves:
            shard.begin_anew(**settings)
            make(shard).run(rounds)
    finally:
        shard.stop()


def kills(scene, rounds):
    """Row 1. Where commits wait writes travel alone, elsewhere in groups."""
    run_both(scene, rounds,
             (servers.DURABLE, lambda shard: Moves(scene, shard, "kill synchronous", True, sync=True)),
             (servers.CHEAP, lambda shard: Moves(scene, shard, "kill asynchronous", True)))


def switchovers(scene, rounds):
    """Row 2."""
    run_both(scene, rounds,
             (servers.DURABLE, lambda shard: Moves(scene, shard, "switchover durable", False)),
             (servers.CHEAP, lambda shard: Moves(scene, shard, "switchover cheap", False)))
