#!/usr/bin/python3
"""Checks that no file calls what it must not call, and that no file puts work off.

    tests/style/check_words.py              the tree
    tests/style/check_words.py --self-test  made-up files: every rule must find its breach
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SELF = pathlib.Path(__file__).name

# No bounds, no errors, process-wide effects: nowhere in src/ but base/.
UNSAFE = "strcpy strcat sprintf vsprintf strtok atoi atol atoll atof strtol gets rand srand time localtime gmtime " \
         "ctime asctime setlocale signal system"
# A library neither prints nor ends the process; its memory comes from base/alloc.h. The command line
# does print, and it sees the public interface only.
LIBRARY = "printf vprintf fprintf vfprintf puts fputs putchar perror exit _exit abort " \
          "malloc calloc realloc free strdup strndup asprintf vasprintf"
SLEEPS = "sleep usleep nanosleep clock_nanosleep"
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")

STRIP = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S)


def code_only(text):
    """The text without comments and literals; lines keep their numbers."""
    return STRIP.sub(lambda m: "\n" * m.group().count("\n") or " ", text)


def calls(words):
    """Calls of these functions, not of members or of functions whose names end like them."""
    return re.compile(r"(?<![\w.>])(" + "|".join(words.split()) + r")\s*\(")


def rules_for(name):
    if name.startswith("src/cli/"):
        return [(calls(UNSAFE), "is banned in src/")]
    if name.startswith("src/") and not name.startswith("src/base/"):
        return [(calls(UNSAFE + " " + LIBRARY), "is banned in src/ outside base/")]
    if name.startswith("tests/unit/"):
        return [(calls(SLEEPS), "is banned in unit tests: time is a parameter")]
    return []


def check_text(name, text):
    messages = []
    for number, line in enumerate(text.splitlines(), 1):
        match = LATER.search(line)
        if match:
            messages.append(f"{name}:{number}: {match.group(1)}: do it or leave it out")
    if name.endswith((".c", ".h")):
        lines = code_only(text).splitlines()
        for pattern, reason in rules_for(name):
            for number, line in enumerate(lines, 1):
                messages += [f"{name}:{number}: {m.group(1)}() {reason}" for m in pattern.finditer(line)]
    return messages


BAD_FILES = [
    ("src/pool/a.c", 'x = malloc(1);\n/* free( */ s = "exit(1)"; // abort()\nagdb__free(x); a->free(x); free (x);',
     ["src/pool/a.c:1: malloc()", "src/pool/a.c:3: free()"]),
    ("src/base/a.c", "malloc(1); free(x);", []),
    ("src/cli/a.c", 'printf("x"); exit(1); free(x); n = atoi(s);', ["src/cli/a.c:1: atoi()"]),
    ("src/map/a.c", "/* two\nlines */ time(NULL); mytime(x);\nstrtoul(a, b, 10); strtol(a, b, 10);",
     ["src/map/a.c:2: time()", "src/map/a.c:3: strtol()"]),
    ("tests/unit/base/a.c", "usleep(10);", ["tests/unit/base/a.c:1: usleep()"]),
    ("include/a.h", "/* TO" "DO: more */\nXX(A)\nmkdtemp(\"/tmp/x-XXXXXX\")", ["include/a.h:1: TO" "DO"]),
]


def self_test():
    ok = True
    for name, text, expected in BAD_FILES:
        found = check_text(name, text)
        if len(found) != len(expected) or not all(f.startswith(e) for f, e in zip(found, expected)):
            print(f"{name}: expected {expected}, found {found}")
            ok = False
    return ok


def main():
    if "--self-test" in sys.argv[1:]:
        ok = self_test()
        print("every breach found" if ok else "the check itself is wrong")
        sys.exit(0 if ok else 1)
    messages, count = [], 0
    for folder in ("src", "include", "tests", "shardmap", "cmake", "examples", "bench", ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.name != SELF and "__pycache__" not in path.parts:
                messages += check_text(str(path.relative_to(ROOT)), path.read_text(errors="replace"))
                count += 1
    print("\n".join(messages) or f"{count} files are clean")
    sys.exit(1 if messages or count == 0 else 0)


if __name__ == "__main__":
    main()
