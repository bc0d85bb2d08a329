#!/usr/bin/python3
"""Checks the documentation against the code.

    tests/style/check_docs.py BUILD_DIR

- every public function has a comment with one @param for each parameter, in their order, @return
  unless it returns nothing, and @threads any, one or frozen; every handle has @threads
- every ```c and ```cpp block of the .md files compiles against the headers, and so does the life
  cycle at the top of agencydb.h
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import headers

ROOT = headers.ROOT
THREADS = re.compile(r"@threads\s+(\w+)")
FENCE = re.compile(r"^```(c|cpp)\n(.*?)^```", re.M | re.S)
COMPILERS = {
    "c": ["cc", "-std=c11", "-Werror=implicit", "-Werror=int-conversion", "-Werror=incompatible-pointer-types"],
    "cpp": ["c++", "-std=c++17"],
}
SKIP = {"build", "_install", ".git"}


def check_function(f):
    if f.comment is None:
        yield f"{f.where}: {f.name} has no comment"
        return
    documented = re.findall(r"@param\s+(\w+)", f.comment)
    if documented != f.params:
        yield f"{f.where}: {f.name} has parameters {f.params}, its comment {documented}"
    if f.returns != ("@return" in f.comment):
        yield f"{f.where}: {f.name} " + ("needs @return" if f.returns else "returns nothing, but has @return")
    yield from check_threads(f.where, f.name, f.comment)


def check_threads(where, name, comment):
    words = THREADS.findall(comment or "")
    if len(words) != 1 or words[0] not in ("any", "one", "frozen"):
        yield f"{where}: {name} needs @threads any, one or frozen"


def check_headers():
    count = 0
    for path in headers.header_files():
        found = headers.functions(path)
        if sum(f.exported for f in found) != headers.declared_count(path):
            yield f"{path.relative_to(ROOT)}: not every AGDB_API declaration can be read"
        for f in found:
            yield from check_function(f)
        for line, name, comment in headers.opaque_types(path):
            yield from check_threads(f"{path.relative_to(ROOT)}:{line}", name, comment)
        count += len(found)
    if count == 0:
        yield "include/: no functions"


def wrap(code, number):
    """A snippet as a function that has a client, and places for results and errors."""
    lines = code.splitlines()
    includes = "\n".join(line for line in lines if line.lstrip().startswith("#include"))
    body = "\n".join("" if line.lstrip().startswith("#include") else line for line in lines)
    return f"""#include <agencydb.h>
#include <stdio.h>
#include <stdlib.h>
{includes}
void snippet_{number}(agdb_t *db, agdb_map_t *map);
void snippet_{number}(agdb_t *db, agdb_map_t *map)
{{
    agdb_result_t *res = NULL;
    agdb_error_t *err = NULL;
    (void)db; (void)map; (void)res; (void)err;
    {{
{body}
    }}
}}
"""


def compiles(language, code, build):
    compiler = COMPILERS[language]
    pq = subprocess.run(["pkg-config", "--cflags", "libpq"], capture_output=True, text=True).stdout.split()
    with tempfile.NamedTemporaryFile("w", suffix="." + language) as file:
        file.write(code)
        file.flush()
        run = subprocess.run([*compiler, "-fsyntax-only", f"-I{ROOT}/include", f"-I{build}/include", *pq, file.name],
                             capture_output=True, text=True)
        return None if run.returncode == 0 else run.stderr.replace(file.name, "snippet")


def check_block(language, code, number, build):
    """None, or what the compiler said: a program, the inside of a function, or functions."""
    if re.search(r"\bmain\s*\(", code):
        return compiles(language, code, build)
    error = compiles(language, wrap(code, number), build)
    if error is not None and compiles(language, "#include <agencydb.h>\n" + code, build) is None:
        error = None
    return error


def check_life_cycle(build):
    """The indented lines of agencydb.h's first comment."""
    lines = re.findall(r"^ \*(?:     (.*))?$", (ROOT / "include/agencydb.h").read_text(), re.M)
    code = "\n".join(lines)
    if "agdb_query" not in code:
        yield "include/agencydb.h: shows no life cycle"
        return
    error = compiles("c", "#define die(text) (fputs(text, stderr), exit(1))\n" + wrap(code, 0), build)
    if error is not None:
        yield f"include/agencydb.h: the life cycle does not compile:\n{error}"


def check_markdown(build):
    count = 0
    for folder, subfolders, files in os.walk(ROOT):
        subfolders[:] = sorted(set(subfolders) - SKIP)
        for name in sorted(files):
            if not name.endswith(".md"):
                continue
            path = pathlib.Path(folder, name)
            text = path.read_text()
            for match in FENCE.finditer(text):
                count += 1
                error = check_block(match.group(1), match.group(2), count, build)
                if error is not None:
                    line = text.count("\n", 0, match.start()) + 1
                    yield f"{path.relative_to(ROOT)}:{line}: the code does not compile:\n{error}"
    if count == 0:
        yield "README.md: shows no code"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    messages = [*check_headers(), *check_life_cycle(sys.argv[1]), *check_markdown(sys.argv[1])]
    print("\n".join(messages) or "the comments of all public functions are whole, all shown code compiles")
    sys.exit(1 if messages else 0)


if __name__ == "__main__":
    main()
