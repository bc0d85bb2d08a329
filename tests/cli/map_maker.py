"""Shard maps at random: what they say, as a model, and the same written in any of the ways in which people write
YAML. Every comment is unique, so that each can be looked for."""
import json

SLOTS = 64
COMMENTS = ["keep me", "quotes \" and ' and ${NO}", "a: { b: [c", "caf\u00e9 \u2014 \u20ac", "- not an item", ""]


class Model:
    """What a map says: epoch, keyspaces -> shards -> slots and nodes, agencies -> pins."""

    def __init__(self, rng):
        self.rng = rng
        self.epoch = rng.choice([None, None, 1, 7, 41])
        self.moved_since = rng.randint(1, self.epoch - 1) if (self.epoch or 1) > 1 and rng.random() < 0.4 else None
        self.port = 6000
        names = rng.sample(["core", "notes", "cases", "0123"], rng.randint(1, 3))
        self.default = rng.choice(names)
        self.names_default = len(names) > 1 or rng.random() < 0.5
        self.keyspaces = {name: self.make_shards() for name in names}
        self.agencies = {}
        keys = ["fema", "us/ca/dph", "0123", "caf\u00e9 1", "hex:00ff", "hex:6865783a", "a \"b\"", "epa", "no"]
        for key in rng.sample(keys, rng.randint(0, 5)):
            self.agencies[key] = self.make_agency()
        self.has_agencies = bool(self.agencies) or rng.random() < 0.3

    def make_shards(self):
        count = self.rng.randint(1, 4)
        names = self.rng.sample(["east-1", "east-2", "west-1", "n.1", "off", "x_9"], count)
        shards = {name: {"slots": None, "region": self.rng.choice([None, "east", "r-2"]), "nodes": self.make_nodes()}
                  for name in names}
        if count > 1 or self.rng.random() < 0.4:
            self.give_slots(list(shards.values()))
        return shards

    def give_slots(self, shards):
        cuts = sorted(self.rng.sample(range(1, SLOTS), self.rng.randint(0, 6)))
        runs = [(a, b - 1) for a, b in zip([0, *cuts], [*cuts, SLOTS])]
        self.rng.shuffle(runs)
        for shard in shards:
            shard["slots"] = []
        for run in runs:
            self.rng.choice(shards)["slots"].append(run)

    def make_nodes(self):
        return [self.make_node() for _ in range(self.rng.randint(1, 3))]

    def make_node(self):
        self.port += 1
        node = {"host": self.rng.choice(["127.0.0.1", "localhost", "::1", "${AGDB_UNSET:-127.0.0.9}"]),
                "port": self.port}
        if self.rng.random() < 0.4:
            node["name"] = f"node-{self.port}"
        if self.rng.random() < 0.4:
            node["zone"] = self.rng.choice("abc")
        if self.rng.random() < 0.2:
            node["state"] = self.rng.choice(["active", "no-reads", "out"])
        return node

    def make_agency(self):
        pins = {name: self.rng.choice(list(self.keyspaces[name]))
                for name in self.rng.sample(list(self.keyspaces), self.rng.randint(0, len(self.keyspaces)))}
        return {"pins": pins, "frozen": not pins or self.rng.random() < 0.3}

    def owned(self, keyspace):
        """shard -> set of its slots"""
        shards = self.keyspaces[keyspace]
        return {name: set(range(SLOTS)) if shard["slots"] is None else
                {slot for first, last in shard["slots"] for slot in range(first, last + 1)}
                for name, shard in shards.items()}


def node_name(node):
    host = node["host"].replace("${AGDB_UNSET:-127.0.0.9}", "127.0.0.9")
    return node.get("name") or (f"[{host}]:{node['port']}" if ":" in host else f"{host}:{node['port']}")


# --- text -------------------------------------------------------------------------------------------------------
class Flow(str):
    """A text that stands on one line as it is."""


class Writer:
    """A model in one of its forms. Entries are (key, value): a value is a Flow, a list of values, or entries."""

    def __init__(self, rng, model):
        self.rng, self.model = rng, model
        self.comments = []
        self.form = rng.choices(["block", "flow", "lines", "json"], [12, 1, 2, 2])[0]
        self.step = rng.choice([2, 2, 2, 4, 3])
        self.talk = rng.choice([0, 0.2, 0.5])
        self.padded = rng.random() < 0.7

    def comment(self):
        self.comments.append(f"# c{len(self.comments)} {self.rng.choice(COMMENTS)}".rstrip() + ".")
        return self.comments[-1]

    def behind(self):
        """A comment at the end of a line, maybe."""
        return " " * self.rng.randint(1, 3) + self.comment() if self.rng.random() < self.talk else ""

    def between(self, indent):
        """Comment lines and blank lines before an entry, maybe."""
        lines = []
        if self.rng.random() < self.talk / 2:
            lines.append(self.rng.choice(["", "", "   "]))
        if self.rng.random() < self.talk:
            lines.append(" " * indent + self.comment())
        return lines

    # scalars
    def text(self, text, flow_safe=True):
        """A text as some scalar."""
        plain = text.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum() and text.isascii()
        odd = text[0].isdigit() or text in ("no", "off") or not text[0].isalnum()
        style = self.rng.choice("pds")
        if style == "p" and plain and not odd:
            return Flow(text)
        if style == "s" and "'" not in text:
            return Flow(f"'{text}'")
        return Flow(json.dumps(text, ensure_ascii=False))

    def number(self, number):
        return Flow(self.rng.choice([str(number), str(number), f'"{number}"']))

    # what is said
    def node(self, node):
        host, port = node["host"], node["port"]
        if set(node) == {"host", "port"} and self.rng.random() < 0.6:
            return Flow(json.dumps(f"[{host}]:{port}" if host == "::1" else f"{host}:{port}"))
        pairs = [("host", self.text(host)), ("port", Flow(port))]
        pairs += [(key, self.text(node[key])) for key in ("name", "zone", "state") if key in node]
        self.rng.shuffle(pairs)
        return pairs

    def shard(self, shard):
        entries = [("nodes", [self.node(node) for node in shard["nodes"]])]
        if shard["region"]:
            entries.append(("region", self.text(shard["region"])))
        if shard["slots"] is not None:
            entries.append(("slots", [self.run(*run) for run in shard["slots"]]))
        if self.rng.random() < 0.2:
            entries.append(("pool", [("max", Flow("4"))]))
        self.rng.shuffle(entries)
        return entries

    def run(self, first, last):
        text = str(first) if first == last else f"{first}-{last}"
        return Flow(self.rng.choice([text, text, f'"{text}"', f"'{text}'"]))

    def agency(self, agency):
        entries, pins = [], agency["pins"]
        if agency["frozen"]:
            entries.append(("writes", self.text("refuse")))
        if list(pins) == [self.model.default] and self.rng.random() < 0.6:
            entries.append(("shard", self.text(pins[self.model.default])))
        elif pins:
            entries.append(("shards", [(name, self.text(shard)) for name, shard in pins.items()]))
        self.rng.shuffle(entries)
        return entries

    def entries(self):
        model = self.model
        first = [("agencydb", self.number(1))]
        rest = [("hash", [("slots", self.number(SLOTS))]), ("keyspaces", [
            (name, [("shards", [(shard, self.shard(shards[shard])) for shard in shards])])
            for name, shards in model.keyspaces.items()])]
        if model.epoch:
            rest.append(("epoch", self.number(model.epoch)))
        if model.moved_since:
            rest.append(("moved_since", self.number(model.moved_since)))
        if model.names_default:
            rest.append(("default_keyspace", self.text(model.default)))
        if model.has_agencies:
            rest.append(("agencies", [(key, self.agency(agency)) for key, agency in model.agencies.items()] or {}))
        self.rng.shuffle(rest)
        return first + rest if self.rng.random() < 0.8 else rest + first

    # forms
    def inline(self, value):
        if isinstance(value, Flow):
            return value
        pad = " " if self.padded else ""
        if is_mapping(value):
            inside = ", ".join(f"{self.key(key)}: {self.inline(one)}" for key, one in dict_items(value))
            return f"{{{pad}{inside}{pad}}}" if inside else "{}"
        inside = ", ".join(map(self.inline, value))
        return f"[{pad}{inside}{pad}]" if inside else "[]"

    def key(self, key):
        return self.text(key)

    def flow_lines(self, value, indent):
        """A flow with a line to each entry: what stands behind the key, and the further lines."""
        items = [f"{self.key(key)}: {self.inline(one)}" for key, one in value] if is_mapping(value) else \
            [self.inline(one) for one in value]
        opening, closing = "{}" if is_mapping(value) else "[]"
        trailing = "," if self.rng.random() < 0.3 else ""
        lines = [opening + self.behind()]
        for i, item in enumerate(items):
            lines += self.between(indent + self.step)
            lines.append(" " * (indent + self.step) + item + ("," if i + 1 < len(items) else trailing) + self.behind())
        if self.rng.random() < 0.2 and "#" not in lines[-1]:
            lines[-1] += " " + closing
        else:
            lines.append(" " * indent + closing)
        return lines

    def value_lines(self, value, indent):
        """What stands behind a key or a dash, and the further lines."""
        if isinstance(value, Flow) or not value:
            return [" " + self.inline(value) + self.behind()]
        style = self.rng.choices(["block", "inline", "lines"], [7, 3, 2])[0]
        if style == "inline":
            return [" " + self.inline(value) + self.behind()]
        if style == "lines":
            lines = self.flow_lines(value, indent)
            return [" " + lines[0], *lines[1:-1], lines[-1] + self.behind()]
        if is_mapping(value):
            return [self.behind(), *self.block(value, indent + self.step)]
        return [self.behind(), *self.items(value, indent + self.rng.choice([0, self.step]))]

    def block(self, entries, indent):
        lines = []
        for key, value in entries:
            lines += self.between(indent)
            first, *more = self.value_lines(value, indent)
            lines += [" " * indent + self.key(key) + ":" + first, *more]
        return lines

    def items(self, values, indent):
        lines = []
        for value in values:
            lines += self.between(indent)
            gap = self.rng.choice([1, 1, 3])
            if is_mapping(value) and self.rng.random() < 0.5:
                inner = [line for line in self.block(value, indent + 1 + gap)]
                while inner and not inner[0].strip().rstrip(".").split("#")[0].strip():
                    lines.append(inner.pop(0))  # comments before the first key stand before the dash
                lines += [" " * indent + "-" + " " * gap + inner[0].lstrip(), *inner[1:]]
            else:
                lines.append(" " * indent + "-" + " " * gap + self.inline(value) + self.behind())
        return lines

    def json_value(self, value):
        if isinstance(value, Flow):
            text = value[1:-1] if value[0] == "'" else json.loads(value) if value[0] == '"' else value
            return int(text) if str(text).isdigit() and len(str(text)) < 6 and str(text) != "0123" else str(text)
        if is_mapping(value):
            return {key: self.json_value(one) for key, one in dict_items(value)}
        return [self.json_value(one) for one in value]

    def write(self):
        entries = self.entries()
        if self.form == "json":
            text = json.dumps(self.json_value(entries), indent=self.rng.choice([None, 2, 4]),
                              ensure_ascii=False) + "\n"
        elif self.form == "flow":
            text = "\n".join([*self.between(0), self.inline(entries) + self.behind(), *self.between(0)]) + "\n"
        elif self.form == "lines":
            text = "\n".join([*self.between(0), *self.flow_lines(entries, 0), *self.between(0)]) + "\n"
        else:
            text = "\n".join([*self.block(entries, 0), *self.between(0)]) + "\n"
        if self.rng.random() < 0.25:
            text = text.replace("\n", "\r\n")
        return text.rstrip("\r\n") if self.rng.random() < 0.25 else text


def is_mapping(value):
    return isinstance(value, dict) or (bool(value) and isinstance(value, list) and isinstance(value[0], tuple))


def dict_items(value):
    return value.items() if isinstance(value, dict) else value
