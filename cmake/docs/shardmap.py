"""shardmap(5): the keys from shardmap.schema.json, which is made from the settings table; what has to be
explained from shardmap/README.md; the examples are the shipped maps."""
import json
import re

from roff import Page, bold, italic, literal, paragraphs, prose

# Sections of shardmap/README.md in the order of the page. What is about the folder stays there.
SECTIONS = ["Words", "Levels", "Nodes", "Slots", "Agencies", "Variables", "TLS and secrets", "Identity",
            "Changing a map", "Growing", "The hash contract"]


# --- the README ----------------------------------------------------------------------------------

def read_sections(text):
    """Heading -> body. Code blocks may hold lines that look like headings."""
    sections, name, body, fenced = {}, None, [], False
    for line in text.split("\n") + ["# "]:
        fenced ^= line.startswith("```")
        if not fenced and re.match(r"#+ ", line):
            if name is not None:
                sections[name] = "\n".join(body)
            name, body = line.lstrip("#").strip(), []
        else:
            body.append(line)
    return sections


def add_table(page, rows):
    """A row becomes a tag, its first cell, with the others below it."""
    cells = [[c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", row.strip().strip("|"))] for row in rows]
    head = cells[0]
    for row in cells[2:]:
        rest = [f"{head[i]}: {cell}" if len(row) > 2 and head[i] and i + 1 < len(row) else cell
                for i, cell in enumerate(row) if i > 0 and cell]
        page.tagged(prose(row[0]), "; ".join(rest))


def add_list(page, block):
    for item in re.split(r"(?m)^(?:- |\d+\. )", block)[1:]:
        page.bullet(" ".join(item.split()))


def add_markdown(page, text):
    for i, part in enumerate(re.split(r"(?ms)^```\w*\n(.*?)^```\n?", text)):
        if i % 2:
            page.example(part)
            continue
        for block in paragraphs(part):
            lines = block.split("\n")
            if lines[0].startswith("|"):
                add_table(page, lines)
            elif re.match(r"- |\d+\. ", lines[0]):
                add_list(page, block)
            else:
                page.paragraph(block)


# --- the schema ----------------------------------------------------------------------------------

class Schema:
    def __init__(self, path):
        self.top = json.loads(path.read_text())

    def definition(self, name):
        return self.top["definitions"][name]

    def described(self, key):
        """The description of a key: its own, or that of what it refers to."""
        if "description" in key:
            return key["description"]
        reference = key.get("$ref", "").rpartition("/")[2]
        return self.described(self.definition(reference)) if reference else ""


def values_of(key):
    """A sentence about what may stand there, where the description does not say it."""
    words = [w for form in key.get("anyOf", [key]) for w in form.get("enum", []) if isinstance(w, str)]
    about = []
    description = key.get("description", "")
    if words and not all(w in description for w in words) and not any(w.isdigit() for w in words):
        about.append("One of " + ", ".join(f"`{w}`" for w in words) + ".")
    if "default" in key and "Default:" not in description:
        default = key["default"]
        about.append(f"Default: `{str(default).lower() if isinstance(default, bool) else default}`.")
    return " ".join(about)


def add_keys(page, schema, mapping, skip=()):
    required = mapping.get("required", [])
    for name, key in mapping["properties"].items():
        if name in skip:
            continue
        tag = bold(name) + (" (required)" if name in required else "")
        page.tagged(tag, " ".join(t for t in (schema.described(key), values_of(key)) if t))


def man_page(folder, version):
    schema = Schema(folder / "shardmap.schema.json")
    text = (folder / "README.md").read_text()
    sections = read_sections(text)
    missing = [name for name in SECTIONS if name not in sections]
    if missing:
        raise SystemExit(f"{folder}/README.md: has no section {', '.join(missing)}")
    levels = [name for name, key in schema.definition("shard")["properties"].items()
              if key.get("$ref") == f"#/definitions/{name}" and name != "slots"]

    page = Page("shardmap", 5, f"libagencydb {version}", "libagencydb")
    page.name("shardmap", "which PostgreSQL servers hold which agency's rows")
    page.heading("DESCRIPTION")
    add_markdown(page, sections["The shard map"].split("\n| file ")[0])
    page.heading("KEYS")
    page.subheading("At the top")
    add_keys(page, schema, schema.top)
    page.subheading("Of hash")
    add_keys(page, schema, schema.top["properties"]["hash"])
    for kind, title in (("keyspace", "Of a keyspace"), ("shard", "Of a shard"), ("node_mapping", "Of a node"),
                        ("agency", "Of an agency")):
        page.subheading(title)
        add_keys(page, schema, schema.definition(kind), levels)
    page.heading("SETTINGS")
    page.paragraph("These stand in `defaults`, in a keyspace, in a shard or in a node; the innermost wins.")
    for level in levels:
        page.subheading(level)
        page.paragraph(schema.definition(level)["description"])
        for name, key in schema.definition(level)["properties"].items():
            about = key["description"]
            page.tagged(bold(name), about[0].upper() + about[1:])
    for name in SECTIONS:
        page.heading(name.upper())
        add_markdown(page, sections[name])
    page.heading("EXAMPLES")
    for name in ("small", "dev"):
        page.example((folder / f"{name}.yaml").read_text())
    page.heading("SEE ALSO")
    page.filled(f"{bold('agencydb')}(1), {bold('libagencydb')}(3)")
    return page.text()
