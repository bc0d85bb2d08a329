#!/usr/bin/python3
"""Checks that each module has its unit test: src/<floor>/<module>.c -> tests/unit/<floor>/test_<module>.c.

Left out are src/api/ (thin wrappers, tested through what they call and by the live tests) and src/cli/
(tested as a program). modules-elsewhere.txt lists the modules whose test has another name.
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ELSEWHERE = pathlib.Path(__file__).with_name("modules-elsewhere.txt")


def read_elsewhere():
    """module -> test file, from lines `floor/module.c  tests/...  reason`."""
    found, messages = {}, []
    for number, line in enumerate(ELSEWHERE.read_text().splitlines(), 1):
        words = line.split(None, 2)
        if not words or line.startswith("#"):
            continue
        where = f"tests/style/{ELSEWHERE.name}:{number}"
        if len(words) != 3:
            messages.append(f"{where}: needs module, test and reason")
            continue
        module, test, _ = words
        found[module] = test
        if not (ROOT / "src" / module).exists():
            messages.append(f"{where}: there is no src/{module}")
        if not (ROOT / test).exists():
            messages.append(f"{where}: there is no {test}")
    return found, messages


def main():
    elsewhere, messages = read_elsewhere()
    count = 0
    for path in sorted((ROOT / "src").glob("*/*.c")):
        floor, module = path.parent.name, path.stem
        if floor in ("api", "cli"):
            continue
        count += 1
        own = ROOT / f"tests/unit/{floor}/test_{module}.c"
        if own.exists() == (f"{floor}/{module}.c" in elsewhere):
            messages.append(f"src/{floor}/{module}.c: " + (
                "has a test of its own and stands in modules-elsewhere.txt" if own.exists() else
                f"has no {own.relative_to(ROOT)}"))
    print("\n".join(messages) or f"{count} modules have their tests")
    sys.exit(1 if messages or count == 0 else 0)


if __name__ == "__main__":
    main()
