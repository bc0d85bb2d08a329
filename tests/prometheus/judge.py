"""What has to hold of the metrics, once all has happened."""
import math

from prometheus import documented
from prometheus.programs import promtool
from support.common import say

SHARD = 'keyspace="core",shard="east-1"'
OLD, NEW = f'{SHARD},node="east-1a"', f'{SHARD},node="east-1b"'


def files(verdicts):
    """What Prometheus' own tool says of what is documented."""
    for words in (["check", "config", "prometheus.yml"], ["check", "rules", "rules.yml"],
                  ["test", "rules", "rules_test.yml"]):
        status, said = promtool(*words)
        verdicts.expect(status == 0, f"promtool {' '.join(words)}: {said}")


def page(text, verdicts):
    """One scrape: clean, and nothing in it that is not documented."""
    status, said = promtool("check", "metrics", text=text)
    verdicts.expect(status == 0 and not said, f"promtool check metrics: {status} {said}")
    labels = {name: m.labels for m in documented.metrics() for name in m.series()}
    seen = set()
    for m in documented.metrics():
        verdicts.expect(text.count(f"# HELP {m.name} {m.meaning}\n# TYPE {m.name} {m.type}\n") == 1,
                        f"{m.name} has not its help and type, once")
    for name, has, identity in documented.samples(text):
        wanted = labels.get(name, []) + (["le"] if name.endswith("_bucket") else [])
        if name not in labels or has != wanted or identity in seen:
            verdicts.expect(False, f"not documented, or twice: {identity}")
        seen.add(identity)
    verdicts.expect(len(seen) > 300, f"only {len(seen)} samples")
    say(f"  {len(seen)} samples, {len(text)} bytes")


class History:
    """From `begin` to `end`, as Prometheus has it."""

    def __init__(self, prometheus, begin, end, verdicts):
        self.prometheus, self.begin, self.end, self.verdicts = prometheus, begin, end, verdicts
        self.span = f"[{math.ceil(end - begin)}s]"

    def at_end(self, expression):
        answer = self.prometheus.api("query", query=expression, time=self.end)["result"]
        return [float(one["value"][1]) for one in answer]

    def all(self):
        self.everything_is_there()
        self.counters_never_go_back()
        self.failover_is_seen()
        self.map_is_seen()
        self.numbers_agree()
        self.scraping_went_well()
        self.dashboard_shows_all()

    def everything_is_there(self):
        about = self.prometheus.api("metadata")
        for m in documented.metrics():
            said = about.get(m.name, [{}])[0]
            self.verdicts.expect((said.get("type"), said.get("help")) == (m.type, m.meaning),
                                 f"{m.name}: metadata say {said}")
            for name in m.series():
                found = self.prometheus.api("series", **{"match[]": name, "start": self.begin, "end": self.end})
                wanted = {"__name__", "job", "instance", *m.labels, *(["le"] if name.endswith("_bucket") else [])}
                # An empty label is as good as none.
                self.verdicts.expect(any(set(one) == wanted for one in found) and
                                     all(set(one) <= wanted for one in found), f"{name} is scraped as {found[:2]}")

    def counters_never_go_back(self):
        for m in documented.metrics():
            if m.type != "gauge":
                for name in m.series():
                    resets = self.at_end(f"resets({name}{self.span})")
                    self.verdicts.expect(resets and max(resets) == 0, f"{name} went back: {resets}")

    def moved(self, what, metric, least, most):
        """A gauge was as low as this, and as high."""
        bounds = [min(self.at_end(f"min_over_time({metric}{self.span})"), default=None),
                  max(self.at_end(f"max_over_time({metric}{self.span})"), default=None)]
        self.verdicts.expect(bounds == [least, most], f"{what}: {metric} from {bounds[0]} to {bounds[1]}, and not "
                             f"from {least} to {most}")

    def grew(self, metric, by=1):
        """A counter, or the sum of several."""
        grown = sum(self.at_end(f"max_over_time({metric}{self.span}) - min_over_time({metric}{self.span})"))
        self.verdicts.expect(grown >= by, f"{metric} grew by {grown}, and not by {by} at least")

    def failover_is_seen(self):
        self.moved("no primary for a while", f"agdb_shard_writable{{{SHARD}}}", 0, 1)
        self.moved("the other shard is as it was", 'agdb_shard_writable{keyspace="core",shard="west-1"}', 1, 1)
        self.moved("killed", f"agdb_node_up{{{OLD}}}", 0, 1)
        self.moved("primary no more", f"agdb_node_primary{{{OLD}}}", 0, 1)
        self.moved("promoted", f"agdb_node_primary{{{NEW}}}", 0, 1)
        self.moved("no replica any more", f"agdb_node_replica{{{NEW}}}", 0, 1)
        self.moved("a new timeline", f"agdb_node_timeline{{{NEW}}}", 1, 2)
        parked = max(self.at_end(f"max_over_time(agdb_parked_calls{{{SHARD}}}{self.span})"), default=0)
        self.verdicts.expect(parked > 0, "no calls were parked")
        self.verdicts.expect(self.at_end(f"agdb_parked_calls{{{SHARD}}}") == [0], "calls are parked still")
        without = max(self.at_end(f"max_over_time(agdb_shard_without_primary_seconds{{{SHARD}}}{self.span})"), default=0)
        self.verdicts.expect(without > 0, "no time without a primary was seen")
        self.verdicts.expect(self.at_end(f"agdb_shard_without_primary_seconds{{{SHARD}}}") == [0],
                             "the time without a primary goes on")
        self.grew(f"agdb_parked_total{{{SHARD}}}")
        self.grew('agdb_connections_closed_total{node="east-1a",reason=~"lost|dropped"}')
        self.grew('agdb_connect_failures_total{node="east-1a",status="CONNECT"}')
        say(f"  at most {parked:.0f} calls parked, {without:.1f} s without a primary")

    def map_is_seen(self):
        self.moved("the map that was edited", "agdb_map_epoch", 1, 2)
        self.moved("the map that was refused", "agdb_map_last_reload_successful", 0, 1)
        self.moved("pools of another size", "agdb_connections_max", 1, 2)
        self.grew("agdb_connect_seconds_count")
        self.grew('agdb_connections_closed_total{reason="retired"}')
        self.grew("agdb_map_reloads_total")
        self.grew("agdb_map_refusals_total")

    def numbers_agree(self):
        """Calls under way may be in one of two, but not in the other yet."""
        self.grew('agdb_calls_total{status="OK"}', 100)
        good = sum(self.at_end('agdb_calls_total{status="OK"}'))
        for metric in ("agdb_execute_seconds_count", "agdb_wait_seconds_count"):
            count = sum(self.at_end(metric))
            self.verdicts.expect(good <= count <= good + 10, f"{metric} is {count}, calls that succeeded {good}")
        for metric in ("agdb_top_agency_calls", "agdb_top_tag_calls"):
            count = sum(self.at_end(metric))
            self.verdicts.expect(abs(count / good - 1) < 0.2, f"{metric}: {count} of {good} calls")
        self.grew("agdb_group_statements_count")
        slow = sum(self.at_end("agdb_top_tag_seconds"))
        self.verdicts.expect(slow > 0, "no time of tags")
        pools = self.at_end('sum without (state) (agdb_connections{state!="abandoned"}) <= agdb_connections_max')
        self.verdicts.expect(len(pools) == 5, f"{len(pools)} of 5 pools are within their bounds")
        say(f"  {good:.0f} calls succeeded, {sum(self.at_end('agdb_calls_total')) - good:.0f} failed")

    def scraping_went_well(self):
        self.verdicts.expect(self.at_end(f"min_over_time(up{self.span})") == [1], "not every scrape went well")
        for rules in self.prometheus.api("rules")["groups"]:
            for rule in rules["rules"]:
                self.verdicts.expect(rule["health"] == "ok", f"alert {rule['name']}: {rule.get('lastError')}")
        self.verdicts.expect(not self.prometheus.complaints(), f"Prometheus says {self.prometheus.complaints()[:3]}")
        longest = max(self.at_end(f"max_over_time(scrape_duration_seconds{self.span})"), default=0)
        say(f"  {sum(self.at_end(f'count_over_time(up{self.span})')):.0f} scrapes, the longest {1000 * longest:.1f} ms")

    def dashboard_shows_all(self):
        count = 0
        for panel, expression in documented.dashboard():
            shown = [number for number in self.prometheus.history(expression, self.begin, self.end)
                     if math.isfinite(number)]
            self.verdicts.expect(shown, f"dashboard, '{panel}': {expression} shows nothing")
            count += 1
        say(f"  {count} expressions of the dashboard")
