#!/usr/bin/python3
"""Makes the manual pages and the shell completions.

    cmake/docs/make_docs.py OUT_DIR VERSION [AGENCYDB]

AGENCYDB, the command, is asked for its help; without it agencydb(1) and the completions are left out.
Everything else comes from the public headers and from shardmap/.
"""
import json
import pathlib
import subprocess
import sys

import commands
import library
import shardmap

ROOT = pathlib.Path(__file__).resolve().parents[2]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_commands(out, version, program):
    done = subprocess.run([program, "help", "--json"], check=True, capture_output=True, text=True)
    help_text = json.loads(done.stdout)
    table = [commands.Command(entry) for entry in help_text["commands"]]
    write(out / "man/agencydb.1", commands.man_page(table, help_text["about"], version))
    write(out / "completion/agencydb", commands.bash(table))
    write(out / "completion/_agencydb", commands.zsh(table, help_text["about"]))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    out, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    write(out / "man/libagencydb.3", library.man_page(ROOT / "include", version))
    write(out / "man/shardmap.5", shardmap.man_page(ROOT / "shardmap", version))
    if len(sys.argv) == 4:
        write_commands(out, version, sys.argv[3])


if __name__ == "__main__":
    main()
