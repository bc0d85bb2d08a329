"""libagencydb(3), from the comments of the public headers."""
import re
import textwrap

from roff import Page, bold, italic, literal, paragraphs, prose

TAG = re.compile(r"(?:^|(?<=\s))@(param|return|threads)\b[ \t]*", re.M)
STATUS = re.compile(r'XX\((\w+), (-?\d+), "([^"]*)"\)')


class Entry:
    """A declaration with the comment before it."""

    def __init__(self, comment, code):
        self.code = code
        parts = TAG.split(comment)
        self.text = parts[0].strip()
        self.params, self.returns, self.threads = [], "", ""
        for tag, body in zip(parts[1::2], parts[2::2]):
            body = " ".join(body.split())
            if tag == "param":
                name, _, about = body.partition(" ")
                self.params.append((name, about.strip()))
            elif tag == "return":
                self.returns = body
            else:
                self.threads = body

    def is_described(self):
        return bool(self.text or self.params or self.returns or self.threads)


def uncomment(text):
    """What a /* comment */ says, line by line."""
    lines = text.strip()[2:-2].split("\n")
    return "\n".join(re.sub(r"^ \* ?", "", line).rstrip() for line in lines).strip()


def blocks(text):
    """What stands between empty lines outside of comments and braces."""
    block, depth, in_comment = [], 0, False
    for line in text.split("\n") + [""]:
        if not line.strip() and depth == 0 and not in_comment:
            if block:
                yield "\n".join(block)
            block = []
            continue
        block.append(line)
        code = re.sub(r"/\*.*?\*/", "", line)
        if in_comment:
            in_comment = "*/" not in line
            continue
        in_comment = "/*" in code
        code = code.split("/*")[0].replace('extern "C" {', "")
        depth += code.count("{") - code.count("}")


def declaration(code):
    """The code as it is shown: without bodies, attributes and what is for the compiler."""
    code = re.split(r"\n\{", code)[0]
    defines = re.findall(r"^#define (AGDB_[A-Z]\w*(?:\([^)]*\))?)([^\n\\]*)", code, re.M)
    if code.startswith("#define"):
        return "\n".join(f"#define {name}" + ("" if "(" in name else value.rstrip()) for name, value in defines)
    lines = [line for line in code.split("\n") if not line.startswith("#") and 'extern "C"' not in line]
    code = "\n".join(lines).strip()
    code = re.sub(r"\b(?:AGDB_API|AGDB_CHECKED|static inline)\s+", "", code)
    code = re.sub(r"\s*AGDB_PRINTF\([^)]*\)", "", code)
    if not re.search(r"[{}]", code):
        code = " ".join(code.split())
    return "" if code == "}" else code + ("" if code.endswith((";", "}")) or not code else ";")


def read_header(path):
    """(about, entries) of a header."""
    text = path.read_text()
    first = re.match(r"/\*.*?\*/", text, re.S)
    entries = []
    for block in blocks(text[first.end():]):
        comment = re.match(r"/\*.*?\*/\s*", block, re.S)
        code = declaration(block[comment.end():] if comment else block)
        if not code or block.startswith(("#if", "#ifndef")):
            continue
        entries.append(Entry(uncomment(comment.group().strip()) if comment else "", code))
    return uncomment(first.group()), entries


def add_text(page, text):
    for block in paragraphs(text):
        if re.search(r"^ {2,}", block, re.M) and not re.match(r"- ", block):
            add_mixed(page, block)
        else:
            page.paragraph(block)


def add_mixed(page, block):
    """Lines that flow, and indented ones that are kept."""
    for part in re.split(r"(?m)((?:^ {2,}.*\n?)+)", block):
        if part.startswith("  "):
            page.example(textwrap.dedent(part))
        else:
            page.paragraph(part)


def add_prototype(page, code):
    page.space()
    page.request(".nf")
    for line in code.split("\n"):
        line = bold(line)
        page.request(line)
    page.request(".fi")


def add_entry(page, entry):
    if "AGDB_STATUS_MAP(AGDB__ENUM)" in entry.code:
        return  # the table of statuses stands for it
    if entry.code.startswith("#define AGDB_STATUS_MAP"):
        return
    add_prototype(page, entry.code)
    if not entry.is_described():
        return
    page.request(".RS 4")
    add_text(page, entry.text)
    for name, about in entry.params:
        page.tagged(italic(name), about)
    tail = [f"Returns {prose(entry.returns)}." if entry.returns else "",
            f"Threads: {prose(entry.threads)}." if entry.threads else ""]
    if any(tail):
        page.paragraph(" ".join(t for t in tail if t), formatted=True)
    page.request(".RE")


def add_statuses(page, base):
    page.heading("STATUSES")
    page.paragraph("`AGDB_OK` is 0. The others are negative, and never change their value:")
    for name, value, text in STATUS.findall(base):
        page.tagged(f"{bold('AGDB_E_' + name)} ({literal(value)})", text[0].upper() + text[1:] + ".")


def order(include):
    """The headers as the umbrella brings them, then what it does not bring."""
    umbrella = (include / "agencydb.h").read_text()
    names = re.findall(r'^#include "agencydb/(\w+\.h)"', umbrella, re.M)
    rest = sorted(p.name for p in (include / "agencydb").glob("*.h") if p.name not in names)
    return [n for n in names + rest if n != "version.h"]


def man_page(include, version):
    page = Page("libagencydb", 3, f"libagencydb {version}", "libagencydb")
    about, _ = read_header(include / "agencydb.h")
    page.name("libagencydb", "agency keys to PostgreSQL shards and replicas, with one query call")
    page.heading("SYNOPSIS")
    page.filled(bold("#include <agencydb.h>"))
    page.paragraph("`cc` program.c `$(pkg-config --cflags --libs agencydb)`")
    page.heading("DESCRIPTION")
    add_text(page, about)
    for name in order(include):
        about, entries = read_header(include / "agencydb" / name)
        page.heading(name.removesuffix(".h").upper())
        add_text(page, about)
        for entry in entries:
            add_entry(page, entry)
    add_statuses(page, (include / "agencydb/base.h").read_text())
    page.heading("SEE ALSO")
    page.filled(f"{bold('agencydb')}(1), {bold('shardmap')}(5)")
    return page.text()
