#!/usr/bin/python3
"""Checks the manual pages that the build makes.

    tests/style/check_pages.py BUILD_DIR

- mandoc and groff have nothing to say against them
- agencydb(1) has every command and, in its part, every option of the help; libagencydb(3) every public
  function; shardmap(5) every setting
"""
import json
import pathlib
import re
import subprocess
import sys

import gen_settings
import headers


def lint(path):
    for words in (["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-ww", "-man", "-z"]):
        done = subprocess.run([*words, path], capture_output=True, text=True, check=False)
        if done.returncode != 0 or done.stdout or done.stderr:
            yield f"{path.name}: {words[0]}: {(done.stdout + done.stderr).strip()}"


def shown(path):
    """The page as a reader sees it, without bold and underlines."""
    out = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=200", path], capture_output=True, text=True, check=True).stdout
    return re.sub(r".\x08", "", out)


def check_commands(program, text):
    table = json.loads(subprocess.run([program, "help", "--json"], capture_output=True, text=True, check=True).stdout)
    overview = subprocess.run([program, "help"], capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  (\S+) ", overview.split("Commands:")[1], re.M)
    parts = dict(re.findall(r"^   agencydb ([^\n]+)\n(.*?)(?=^   \S|^\S|\Z)", text, re.M | re.S))
    for name in listed:
        if name != "help" and name not in parts:
            yield f"agencydb.1: has no part about {name}"
    for entry in table["commands"]:
        part = parts.get(entry["name"], "")
        for option in entry["options"]:
            if not re.search(rf"--{option['name']}(?![\w-])", part):
                yield f"agencydb.1: {entry['name']}: --{option['name']} is missing"
        if entry["summary"] not in part:
            yield f"agencydb.1: {entry['name']}: its summary is missing"


def check_functions(text):
    for path in headers.header_files():
        for function in headers.functions(path):
            if not re.search(rf"\b{function.name}\(", text):
                yield f"libagencydb.3: {function.name} is missing"


def check_settings(text):
    for setting in gen_settings.read_settings():
        part = re.search(rf"^   {setting.section}\n(.*?)(?=^   \S|^\S)", text, re.M | re.S)
        if part is None or not re.search(rf"^ +{setting.key}\b", part.group(1), re.M):
            yield f"shardmap.5: {setting.section}.{setting.key} is missing"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1])
    pages = [build / "man" / name for name in ("agencydb.1", "libagencydb.3", "shardmap.5")]
    messages = [message for page in pages for message in lint(page)]
    messages += [*check_commands(build / "agencydb", shown(pages[0])), *check_functions(shown(pages[1])),
                 *check_settings(shown(pages[2]))]
    print("\n".join(messages) or "the manual pages are whole and clean")
    sys.exit(1 if messages else 0)


if __name__ == "__main__":
    main()
