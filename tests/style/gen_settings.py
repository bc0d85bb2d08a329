#!/usr/bin/python3
"""Writes what follows from src/map/settings.def, the one table of settings:

- the tables between the gen:settings markers of shardmap/README.md
- shardmap/shardmap.schema.json

    tests/style/gen_settings.py            write both
    tests/style/gen_settings.py --check    write nothing; fail when they are not up to date
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "src/map/settings.def"
README = ROOT / "shardmap/README.md"
SCHEMA = ROOT / "shardmap/shardmap.schema.json"
BEGIN, END = "<!-- gen:settings -->", "<!-- /gen:settings -->"

SECTIONS = {
    "connection": "How to log in. The names are libpq's.",
    "pool": "Connections to one node, per process.",
    "timeouts": "How long a call may take. `call` is the default deadline of a whole call; the others are caps "
                "inside it.",
    "replicas": "What is expected of replicas.",
    "log": "What is told of calls.",
    "idempotency": "Keys that make a write happen once.",
}
TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_]+)|([(),]))')


class Setting:
    def __init__(self, fields):
        (self.id, self.section, self.key, self.type, low, high, self.default, self.doc) = fields
        self.words = low.split("|") if self.type == "ENUM" else []
        self.low, self.high = (0, 0) if self.words else (int(low), int(high))


def read_row(text, start):
    """The fields of one AGDB_SETTING(...): adjacent strings are joined, NULL becomes None."""
    fields, parts, at = [], [], start
    while True:
        match = TOKEN.match(text, at)
        if match is None:
            sys.exit(f"{TABLE}: cannot read near {text[at:at + 40]!r}")
        at = match.end()
        string, word, sign = match.groups()
        if string is not None:
            parts.append(re.sub(r"\\(.)", r"\1", string))
        elif word is not None:
            parts.append(None if word == "NULL" else word)
        elif sign in ",)":
            fields.append(parts[0] if len(parts) == 1 else "".join(parts))
            parts = []
            if sign == ")":
                return fields


def read_settings():
    text = re.sub(r"/\*.*?\*/", "", TABLE.read_text(), flags=re.S)
    rows = [read_row(text, m.end()) for m in re.finditer(r"^AGDB_SETTING\(", text, flags=re.M)]
    for row in rows:
        if len(row) != 8:
            sys.exit(f"{TABLE}: {row[0]} has {len(row)} fields, not 8")
    return [Setting(row) for row in rows]


def duration(milliseconds):
    for unit, size in (("d", 86400000), ("h", 3600000), ("m", 60000), ("s", 1000)):
        if milliseconds % size == 0 and milliseconds >= size:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


# --- shardmap/README.md ------------------------------------------------------------------------

def values_of(s):
    if s.type == "ENUM":
        return " ".join(f"`{word}`" for word in s.words)
    if s.type == "BOOL":
        return "`true` `false`"
    if s.type == "MSEC":
        return f"{duration(s.low)} to {duration(s.high)}"
    if s.type == "UINT":
        return f"{s.low} to {s.high}"
    return "path" if s.type == "PATH" else f"text, {s.low} to {s.high} bytes"


def readme_tables(settings):
    out = []
    for section, about in SECTIONS.items():
        out += [f"### `{section}`", "", about, "", "| key | default | values | meaning |", "| --- | --- | --- | --- |"]
        for s in settings:
            if s.section == section:
                default = "" if s.default is None else f"`{s.default}`"
                doc = s.doc.replace("|", "\\|")
                out.append(f"| `{s.key}` | {default} | {values_of(s)} | {doc} |")
        out.append("")
    return "\n".join(out)


def readme_text(settings):
    text = README.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{README}: needs one {BEGIN} and one {END}")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n\n{readme_tables(settings)}\n{END}{tail}"


# --- shardmap/shardmap.schema.json -------------------------------------------------------------

VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}


def ref(name):
    return {"$ref": f"#/definitions/{name}"}


def scalar(description, *forms, **more):
    """A value of one of the forms, or a ${VARIABLE}."""
    return {"description": description, "anyOf": [*forms, ref("variable")], **more}


def mapping(description, properties, required=(), **more):
    out = {"description": description, "type": "object", "properties": properties, "additionalProperties": False}
    if required:
        out["required"] = list(required)
    return {**out, **more}


def named(description, kind):
    return {"description": description, "type": "object", "minProperties": 1, "propertyNames": ref("name"),
            "additionalProperties": ref(kind)}


def integer(low, high):
    return {"type": "integer", "minimum": low, "maximum": high}


def digits_text(low, high):
    return {"type": "string", "pattern": r"^[0-9]{%d,%d}$" % (len(str(low)), len(str(high)))}


def setting_schema(s):
    about = f"{s.doc}. {values_of(s).replace('`', '')}." + ("" if s.default is None else f" Default: {s.default}.")
    forms = {
        "UINT": [integer(s.low, s.high), digits_text(s.low, s.high)],
        "MSEC": [ref("duration")],
        "BOOL": [ref("boolean")],
        "TEXT": [{"type": "string", "minLength": s.low, "maxLength": s.high}],
        "PATH": [{"type": "string", "minLength": s.low, "maxLength": s.high}],
        "ENUM": [{"enum": s.words}],
    }[s.type]
    more = {}
    if s.default is not None:
        more["default"] = {"UINT": lambda: int(s.default), "BOOL": lambda: s.default == "true"}.get(
            s.type, lambda: s.default)()
    return scalar(about, *forms, **more)


def schema(settings):
    levels = {section: ref(section) for section in SECTIONS}
    defs = {
        "variable": {"description": "The value of an environment variable: ${NAME} or ${NAME:-default}.", **VARIABLE},
        "duration": {"description": "A number with its unit: ms, s, m, h or d.",
                     "type": "string", "pattern": r"^[0-9]+(ms|s|m|h|d)$"},
        "boolean": {"enum": [True, False, "true", "false"]},
        "name": {"description": "Letters, digits, '.', '_' and '-'; 1 to 63 of them.",
                 "type": "string", "pattern": r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$"},
        "label": scalar("A name: letters, digits, '.', '_' and '-'; 1 to 63 of them.", ref("name")),
        "slots": {
            "description": "The slots that this shard owns: numbers and ranges. Every slot of a keyspace with several "
                           "shards has exactly one owner; [] is a new shard that takes pins first.",
            "type": "array", "uniqueItems": True,
            "items": scalar("A slot, or a range such as 0-1023 (both ends belong to it).", integer(0, 65535),
                            {"type": "string", "pattern": r"^[0-9]{1,5}(-[0-9]{1,5})?$"}),
        },
        "node": {
            "description": "One PostgreSQL server: host, host:port, or a mapping.",
            "anyOf": [{"type": "string", "minLength": 1}, ref("node_mapping")],
        },
        "node_mapping": mapping("One PostgreSQL server. Whether it is the primary is observed, not written here.", {
            "host": scalar("Name, address, or absolute path of a socket directory.",
                           {"type": "string", "minLength": 1, "maxLength": 255}),
            "port": scalar("TCP port. Default: 5432.", integer(1, 65535), digits_text(1, 65535), default=5432),
            "name": {"description": "What errors and labels call it. Default: host:port.", **ref("label")},
            "zone": {"description": "Reads prefer replicas in the zone of the service.", **ref("label")},
            "state": scalar("active; no-reads: serves no replica reads, may be the primary; out: nothing but probes.",
                            {"enum": ["active", "no-reads", "out"]}, default="active"),
            "reads": scalar("never: a delayed replica, which serves no reads.", {"enum": ["never"]}),
            **levels,
        }, ["host"]),
        "shard": mapping("Nodes that hold the same rows: one primary and its streaming replicas.", {
            "region": {"description": "Where the shard lives.", **ref("label")},
            "slots": ref("slots"),
            "generation": scalar("A higher number forgets remembered timelines and system identifier: raise it after "
                                 "a major upgrade or a restore.", integer(0, 2**63 - 1), digits_text(0, 2**63 - 1),
                                 default=0),
            "nodes": {"description": "The servers of this shard.", "type": "array", "minItems": 1, "maxItems": 32,
                      "items": ref("node")},
            **levels,
        }, ["nodes"]),
        "keyspace": mapping("Tables that are placed together.", {
            "grouping": scalar("off: statements of different callers never share a transaction.",
                               {"enum": [True, False, "on", "off", "true", "false"]}, default=True),
            "via": scalar("pgbouncer: the nodes are PgBouncers in transaction mode.", {"enum": ["pgbouncer"]}),
            "shards": {**named("The shards, by name. Their order is that of the bytes of their names.", "shard"),
                       "maxProperties": 4096},
            **levels,
        }, ["shards"]),
        "agency": mapping("Exceptions for one agency.", {
            "shard": {"description": "Pin: the shard of the default keyspace that holds this agency, whatever its "
                                     "hash.", **ref("label")},
            "shards": {"description": "Pins by keyspace.", "type": "object", "minProperties": 1,
                       "propertyNames": ref("name"), "additionalProperties": ref("label")},
            "writes": scalar("refuse: frozen; reads go on, writes are refused.", {"enum": ["refuse"]}),
        }, minProperties=1, **{"not": {"required": ["shard", "shards"]}}),
    }
    for section, about in SECTIONS.items():
        rows = {s.key: setting_schema(s) for s in settings if s.section == section}
        defs[section] = mapping(about.replace("`", ""), rows)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Shard map of agencydb",
        **mapping("Which servers hold which agency's rows. See shardmap/README.md.", {
            "agencydb": {"description": "Version of the format.", "enum": [1, "1"]},
            "epoch": scalar("Grows with every change of the map.", integer(1, 2**63 - 1), digits_text(1, 2**63 - 1),
                            default=1),
            "moved_since": scalar("The old epoch, when slots or pins change their owner: says that the rows have been "
                                  "moved. `agencydb diff` prints the line.", integer(1, 2**63 - 1),
                                  digits_text(1, 2**63 - 1)),
            "hash": mapping("The hash contract. For life: a reload that changes it is refused.", {
                "algorithm": scalar("How keys become numbers.", {"enum": ["xxh3_64"]}, default="xxh3_64"),
                "slots": scalar("A power of two.", {"enum": [2**n for n in range(6, 17)]},
                                {"enum": [str(2**n) for n in range(6, 17)]}, default=4096),
            }),
            "default_keyspace": {"description": "What requests mean that name no keyspace. Required from two keyspaces "
                                                "on.", **ref("label")},
            "defaults": mapping("Settings of every node. Levels merge: defaults < keyspace < shard < node.", levels),
            "keyspaces": {**named("The keyspaces, by name.", "keyspace"), "maxProperties": 256},
            "agencies": {"description": "Agencies that are pinned or frozen, by key. A key that is not text is written "
                                        "hex:...", "type": "object",
                         "propertyNames": {"minLength": 1, "maxLength": 514}, "additionalProperties": ref("agency")},
        }, ["agencydb", "keyspaces"]),
        "definitions": defs,
    }


def main():
    settings = read_settings()
    wanted = {
        README: readme_text(settings),
        SCHEMA: json.dumps(schema(settings), indent=2, ensure_ascii=False) + "\n",
    }
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)}: is not what src/map/settings.def says; run tests/style/gen_settings.py")
        sys.exit(1 if stale else 0)
    for path in stale:
        path.write_text(wanted[path])


if __name__ == "__main__":
    main()
