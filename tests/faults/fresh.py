"""Row 8: a failover comes between a write and the read of it, while replicas are behind, or ahead on the old
timeline. The one that is promoted is waited for by commits, so that nothing acknowledged is lost."""
import signal
import time

from faults import servers
from support import load as loads
from support.common import Stuck, say, spread, until

KINDS = {"session": 8, "read_replica": 2}
PAUSE_US = 5000
JUNK = "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'junk', repeat('x', 2000000))"
FOLLOWS_S = 3


class Failovers:
    def __init__(self, scene):
        self.scene = scene
        self.verdicts = scene.verdicts
        self.shard = servers.Shard(scene.folder, scene.template, 2, **servers.CHEAP)
        self.load = None
        self.reads = 0
        self.by_replica = 0
        self.stale = 0
        self.crossed = []
        self.stalls = []

    def run(self, rounds):
        try:
            self.load = self.scene.start_load(self.shard, KINDS, PAUSE_US)
            for _ in range(rounds):
                self.one(self.be_behind)
                self.one(self.be_ahead)
            self.verdicts.expect(self.load.stop() == 0, "the load's exit status")
            counts = loads.compare(self.load.ledger, loads.rows(self.shard.primary.port))
            loads.say_counts(counts)
            loads.judge_counts("fresh", counts, self.verdicts)
        finally:
            if self.load is not None:
                self.load.kill()
            self.shard.stop()
        say(f"  {len(self.stalls)} failovers, {self.reads} reads with a token, {self.stale} stale; replicas "
            f"answered {self.by_replica / max(self.reads, 1):.2f}; tokens of an earlier timeline in each "
            f"failover {spread(self.crossed, '{}')}; longest call {spread(self.stalls)} s")

    def one(self, fail):
        first, second = self.shard.standbys()
        self.shard.set_synchronous(first.name)
        self.hold_up(first, second)
        self.judge("replay held up", self.load.take())
        fail(self.shard.primary, first, second)
        self.judge("put back", self.load.take())

    def judge(self, what, seen):
        loads.judge(what, self.load, seen, self.verdicts)
        loads.judge_unknown(what, self.load, seen, self.verdicts)
        self.reads += seen["read_session"]["ok"]
        self.by_replica += seen["read_session"]["by_replica"]
        self.stale += seen["read_session"]["stale"]
        return seen

    def hold_up(self, first, second):
        """Replay stands still now and then, and is slow on the one that is not waited for."""
        rng = self.scene.rng
        second.set(recovery_min_apply_delay=rng.choice(["0", "100ms", "400ms"]))
        end = time.monotonic() + 1
        while time.monotonic() < end:
            held = rng.choice([first, second])
            held.sql("SELECT pg_wal_replay_pause()")
            time.sleep(rng.uniform(0, 0.3))
            held.sql("SELECT pg_wal_replay_resume()")
            time.sleep(rng.uniform(0, 0.1))
        second.set(recovery_min_apply_delay="0")

    def be_behind(self, old, first, second):
        """Both have received what they have not replayed when the primary goes."""
        rng = self.scene.rng
        for server in (first, second):
            server.sql("SELECT pg_wal_replay_pause()")
        time.sleep(rng.uniform(0.1, 0.4))
        self.fail_over(old, first, lambda: None)
        second.sql("SELECT pg_wal_replay_resume()")
        self.put_back(old, second, follows=True)

    def be_ahead(self, old, first, second):
        """The one that is not promoted has replayed what the promoted one has never got: places in the old
        timeline's log that are behind all of the new one's for some time."""
        receiver = until("it receives", first.receiver)
        servers.signal_one(receiver, signal.SIGSTOP)
        old.sql(JUNK)
        end = old.sql("SELECT pg_current_wal_flush_lsn()")
        until("the other replica has the junk", lambda: second.sql(
            f"SELECT pg_last_wal_replay_lsn() >= '{end}'", check=False) == "t", pause=0.01)

        def let_go():  # it ends before it reads on
            servers.signal_one(receiver, signal.SIGTERM)
            servers.signal_one(receiver, signal.SIGCONT)

        self.fail_over(old, first, let_go)
        at = first.sql("SELECT pg_current_wal_insert_lsn()")
        ahead = second.sql(f"SELECT pg_last_wal_replay_lsn() > '{at}'")
        self.verdicts.expect(ahead == "t", "ahead: the other replica is no longer ahead of the new timeline")
        self.put_back(old, second, follows=False)

    def fail_over(self, old, first, between):
        old.kill()
        between()
        self.shard.promote(first)
        self.scene.wait_all_answered(self.load, time.monotonic())
        time.sleep(self.scene.rng.uniform(0.5, 0.9))
        seen = self.judge("failover", self.load.take())
        self.verdicts.expect(seen["read_session"]["crossed"] > 0,
                             "failover: it came between no write and its read")
        self.crossed.append(seen["read_session"]["crossed"])
        self.stalls.append(loads.worst_s(seen))

    def put_back(self, old, second, follows):
        primary = self.shard.primary
        if follows:
            primary.sql("CHECKPOINT")  # it shows its timeline then
            second.follow(primary)
            try:
                until("it follows", lambda: second.follows(primary), FOLLOWS_S)
            except Stuck:  # it had more than the new primary
                follows = False
        if not follows:
            second.rebuild(primary, "copy")
        old.rebuild(primary, self.scene.rng.choice(["rewind", "copy"]))
        self.shard.wait_whole()


def failovers(scene, rounds):
    Failovers(scene).run(rounds)
