#!/usr/bin/python3
"""Checks shardmap/shardmap.schema.json: it accepts the maps in shardmap/ and a set of odd but good
ones, and refuses a set of broken ones.

    tests/style/check_schema.py               the schema
    tests/style/check_schema.py AGENCYDB      the same maps with `AGENCYDB check`: the loader must agree
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]

NODE = "nodes: [ 127.0.0.1 ]"
SMALLEST = "agencydb: 1\nkeyspaces: { core: { shards: { main: { %s } } } }\n" % NODE

GOOD = {
    "the smallest map": SMALLEST,
    "hash": SMALLEST + "hash: { algorithm: xxh3_64, slots: 65536 }",
    "variables": SMALLEST + 'epoch: "${EPOCH:-3}"\ndefaults: { pool: { max: "${MAX}" }, timeouts: { call: "${T:-3s}" } }',
    "short nodes": 'agencydb: 1\ndefaults: { connection: { insecure: true } }\nkeyspaces: { core: { shards: { main: { '
                   'nodes: [ db1, "db2:5433", "[2001:db8::1]:5433", /run/pg ] } } } }',
    "slots": "agencydb: 1\nkeyspaces: { core: { shards: { a: { slots: [0-2046, 2047], nodes: [ '127.0.0.1:1' ] }, b: { "
             "slots: [2048-4095], nodes: [ '127.0.0.1:2' ] }, c: { slots: [], nodes: [ '127.0.0.1:3' ] } } } }",
    "pins": SMALLEST + "agencies: { fema: { shard: main }, us/ca/dph: { shards: { core: main } }, 'hex:00ff': "
                       "{ writes: refuse } }",
    "levels": "agencydb: 1\nkeyspaces: { core: { timeouts: { call: 250ms }, shards: { main: { pool: { max: 4 }, nodes: "
              "[ { host: db1, port: 6432, zone: a, state: no-reads, reads: never, connection: { user: u, insecure: true } } ] } } } }",
    "keyspace switches": "agencydb: 1\nkeyspaces: { core: { grouping: off, via: pgbouncer, shards: { main: { "
                         "generation: 2, region: east, %s } } } }" % NODE,
}

BROKEN = {
    "no version": SMALLEST.replace("agencydb: 1\n", ""),
    "another version": SMALLEST.replace("agencydb: 1", "agencydb: 2"),
    "no keyspaces": "agencydb: 1",
    "empty keyspaces": "agencydb: 1\nkeyspaces: {}",
    "unknown key at the top": SMALLEST + "epochs: 3",
    "unknown key in a keyspace": SMALLEST.replace("shards:", "shard: {}, shards:"),
    "unknown key in a shard": SMALLEST.replace("nodes:", "nods: 1, nodes:"),
    "unknown key in a node": SMALLEST.replace("[ 127.0.0.1 ]", "[ { host: a, role: primary } ]"),
    "unknown setting": SMALLEST + "defaults: { connection: { options: -c } }",
    "a password": SMALLEST + "defaults: { connection: { password: x } }",
    "no nodes": SMALLEST.replace("[ 127.0.0.1 ]", "[]"),
    "a node without host": SMALLEST.replace("127.0.0.1", "{ port: 5432 }"),
    "port 0": SMALLEST.replace("127.0.0.1", "{ host: a, port: 0 }"),
    "port 65536": SMALLEST.replace("127.0.0.1", "{ host: a, port: 65536 }"),
    "a node name with a space": SMALLEST.replace("127.0.0.1", "{ host: a, name: a b }"),
    "a zone that is a list": SMALLEST.replace("127.0.0.1", "{ host: a, zone: [ a ] }"),
    "a keyspace name with a slash": SMALLEST.replace("core:", "co/re:"),
    "a shard name with a point in front": SMALLEST.replace("main:", ".main:"),
    "insecure that is no truth": SMALLEST + "defaults: { connection: { insecure: maybe } }",
    "unknown state": SMALLEST.replace("127.0.0.1", "{ host: a, state: down }"),
    "unknown reads": SMALLEST.replace("127.0.0.1", "{ host: a, reads: always }"),
    "duration without unit": SMALLEST + "defaults: { timeouts: { call: 5 } }",
    "duration with an unknown unit": SMALLEST + "defaults: { timeouts: { call: 5sec } }",
    "pool of 0": SMALLEST + "defaults: { pool: { max: 0 } }",
    "pool that is no number": SMALLEST + "defaults: { pool: { max: many } }",
    "unknown sslmode": SMALLEST + "defaults: { connection: { sslmode: always } }",
    "slots that are no power of two": SMALLEST + "hash: { slots: 1000 }",
    "too many slots": SMALLEST + "hash: { slots: 131072 }",
    "another hash": SMALLEST + "hash: { algorithm: crc32 }",
    "slots that are no list": SMALLEST.replace("nodes:", "slots: 0-4095, nodes:"),
    "a slot range of words": SMALLEST.replace("nodes:", "slots: [first-last], nodes:"),
    "epoch 0": SMALLEST + "epoch: 0",
    "unknown via": SMALLEST.replace("shards:", "via: haproxy, shards:"),
    "agency with both pins": SMALLEST + "agencies: { epa: { shard: a, shards: { core: a } } }",
    "agency without anything": SMALLEST + "agencies: { epa: {} }",
    "unknown writes": SMALLEST + "agencies: { epa: { writes: allow } }",
    "a list at the top": "[ 1 ]",
}


def shown_maps():
    """The maps that READMEs show: blocks that start with the version of the format."""
    for path in (ROOT / "README.md", ROOT / "shardmap/README.md"):
        text = path.read_text() if path.exists() else ""
        for match in re.finditer(r"^```yaml\n(agencydb:.*?)^```", text, re.M | re.S):
            yield f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}", match.group(1)


def by_schema():
    """A judge: None for a good map, else why not."""
    schema = json.loads((ROOT / "shardmap/shardmap.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)

    def judge(text):
        errors = [f"at {'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(yaml.safe_load(text))]
        return "; ".join(errors) or None
    return judge


def by_loader(agencydb):
    environment = {**os.environ, "MAX": "4"}

    def judge(text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            run = subprocess.run([agencydb, "check", file.name], capture_output=True, text=True, env=environment)
        if run.returncode not in (0, 1):
            raise SystemExit(f"{agencydb} check: exit code {run.returncode}\n{run.stderr}")
        return run.stderr if run.returncode == 1 else None
    return judge


def main():
    judge = by_loader(sys.argv[1]) if len(sys.argv) > 1 else by_schema()
    shown = {} if len(sys.argv) > 1 else dict(shown_maps())  # may be parts of maps
    maps = {str(p.relative_to(ROOT)): p.read_text() for p in sorted((ROOT / "shardmap").glob("*.yaml"))}
    failures = []
    if not maps:
        failures.append("shardmap/ has no maps")
    for name, text in {**maps, **shown, **GOOD}.items():
        why = judge(text)
        if why is not None:
            failures.append(f"{name}: refused: {why}")
    for name, text in BROKEN.items():
        if judge(text) is None:
            failures.append(f"{name}: accepted")
    print("\n".join(failures) or f"{len(maps) + len(shown) + len(GOOD)} good maps accepted, {len(BROKEN)} broken ones refused")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
