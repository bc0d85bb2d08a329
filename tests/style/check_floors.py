#!/usr/bin/python3
"""Checks the includes of src/ against src/FLOORS.

    tests/style/check_floors.py              the tree
    tests/style/check_floors.py --self-test  a made-up bad tree: every rule must find its breach
"""
import fnmatch
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Rules:
    def __init__(self, path):
        self.level = {}      # folder -> height
        self.public = set()  # folders that see the public interface only
        self.confined = {}   # header -> patterns of files that may include it
        self.denied = set()  # (folder, folder it may not include)
        for line in path.read_text().splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "public":
                self.public.update(words[1:])
            elif words[0] == "confine":
                self.confined[words[1]] = words[2:]
            elif words[0] == "deny":
                self.denied.update((words[1], below) for below in words[2:])
            else:
                height = len(set(self.level.values()))
                self.level.update((folder, height) for folder in words)


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def judge_quoted(rules, folder, header):
    """Why this file of `folder` may not include "header"; None when it may."""
    if header == "agencydb.h" or header.startswith("agencydb/"):
        if folder in rules.public and header != "agencydb.h":
            return f"{folder}/ sees <agencydb.h> only, not {header}"
        return None
    if "/" not in header or header.startswith("."):
        return f'"{header}" does not name its folder'
    target = header.split("/")[0]
    if target == folder:
        return None
    if folder in rules.public:
        return f"{folder}/ sees <agencydb.h> only, not {header}"
    if target not in rules.level:
        return f"{target}/ is no floor of src/FLOORS"
    if rules.level[target] > rules.level[folder]:
        return f"upward: {folder}/ may not see {target}/"
    if rules.level[target] == rules.level[folder]:
        return f"sideways: {folder}/ may not see its sibling {target}/"
    if (folder, target) in rules.denied:
        return f"denied: {folder}/ may not see {target}/"
    return None


def judge_confined(rules, name, header):
    allowed = rules.confined.get(header)
    if allowed is None or any(fnmatch.fnmatch(name, pattern) for pattern in allowed):
        return None
    return f"{header} belongs to {' '.join(allowed)} only"


def confine_carriers(rules, include):
    """A public header that includes a confined one is confined likewise."""
    for path in sorted(include.rglob("*.h")):
        for _, _, header in includes(path):
            if header in rules.confined:
                rules.confined[str(path.relative_to(include))] = rules.confined[header]


def check_file(rules, src, path):
    name = str(path.relative_to(src))
    folder = name.split("/")[0]
    own = name[:-2] + ".h" if name.endswith(".c") else None
    if own is not None and not (src / own).exists():
        own = None
    if folder not in rules.level and folder not in rules.public:
        yield f"{path}:1: {folder}/ is not in src/FLOORS"
        return
    for number, form, header in includes(path):
        if own is not None and header not in (own, own[:-2] + "_impl.h"):
            yield f"{path}:{number}: the first include must be its own {own}"
        own = None
        reason = judge_confined(rules, name, header)
        if reason is None and (form == '"' or header.startswith("agencydb")):
            reason = judge_quoted(rules, folder, header)
        if reason is not None:
            yield f"{path}:{number}: {reason}"


def check_tree(root):
    rules = Rules(root / "src/FLOORS")
    confine_carriers(rules, root / "include")
    files = sorted(p for p in (root / "src").rglob("*") if p.suffix in (".c", ".h"))
    return [message for path in files for message in check_file(rules, root / "src", path)], len(files)


BAD_TREE = {
    "src/FLOORS": "base\nmap pg\npool\ndeny pool map\npublic cli\nconfine yaml.h map/yaml.c\nconfine libpq-fe.h pg/*.c\n",
    "include/agencydb/libpq.h": "#include <libpq-fe.h>\n",
    "src/base/good.c": '#include "agencydb/base.h"\n#include <stdio.h>\n',
    "src/base/up.c": '\n#include "map/model.h"\n',
    "src/map/yaml.c": '#include <yaml.h>\n#include "base/good.h"\n',
    "src/map/sibling.c": '#include "pg/conn.h"\n',
    "src/map/other.c": "#include <yaml.h>\n",
    "src/pg/conn.h": "",
    "src/pg/conn.c": '#include "base/good.h"\n#include "pg/conn.h"\n#include <libpq-fe.h>\n',
    "src/pool/pool.c": '#include "pg/conn.h"\n#include "map/model.h"\n#  include "agencydb/libpq.h"\n',
    "src/pool/bare.c": '#include "bare.h"\n#include "../base/good.h"\n#include "nowhere/x.h"\n',
    "src/cli/main.c": '#include <agencydb.h>\n#include "cli/args.h"\n#include "base/good.h"\n#include <agencydb/map.h>\n',
    "src/new/x.c": "",
}
BAD_TREE_MESSAGES = [
    "src/base/up.c:2: upward: base/ may not see map/",
    "src/cli/main.c:3: cli/ sees <agencydb.h> only, not base/good.h",
    "src/cli/main.c:4: cli/ sees <agencydb.h> only, not agencydb/map.h",
    "src/map/other.c:1: yaml.h belongs to map/yaml.c only",
    "src/map/sibling.c:1: sideways: map/ may not see its sibling pg/",
    "src/new/x.c:1: new/ is not in src/FLOORS",
    "src/pg/conn.c:1: the first include must be its own pg/conn.h",
    'src/pool/bare.c:1: "bare.h" does not name its folder',
    'src/pool/bare.c:2: "../base/good.h" does not name its folder',
    "src/pool/bare.c:3: nowhere/ is no floor of src/FLOORS",
    "src/pool/pool.c:2: denied: pool/ may not see map/",
    "src/pool/pool.c:3: agencydb/libpq.h belongs to pg/*.c only",
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in BAD_TREE.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = [m.removeprefix(f"{root}/") for m in check_tree(root)[0]]
    for message in sorted(set(found) ^ set(BAD_TREE_MESSAGES)):
        print(("not expected: " if message in found else "not found: ") + message)
    return found == BAD_TREE_MESSAGES


def main():
    if "--self-test" in sys.argv[1:]:
        ok = self_test()
        print(f"{len(BAD_TREE_MESSAGES)} breaches, all found" if ok else "the check itself is wrong")
        sys.exit(0 if ok else 1)
    messages, count = check_tree(ROOT)
    print("\n".join(messages) or f"{count} files keep to src/FLOORS")
    sys.exit(1 if messages or count == 0 else 0)


if __name__ == "__main__":
    main()
