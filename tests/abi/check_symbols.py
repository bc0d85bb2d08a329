#!/usr/bin/python3
"""Checks that the public headers, symbols.txt and the shared library name the same functions.

    tests/abi/check_symbols.py BUILD_DIR
    tests/abi/check_symbols.py --write      write symbols.txt from the headers, after adding a function
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "style"))
import headers  # noqa: E402

SYMBOLS = pathlib.Path(__file__).with_name("symbols.txt")
VERSION_NODE = "AGENCYDB_0"


def exported(library):
    """name -> version of each defined dynamic symbol; the version node itself is none."""
    out = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library], check=True,
                         capture_output=True, text=True).stdout
    names = (line.split()[-1] for line in out.splitlines())
    split = (name.replace("@@", "@").partition("@") for name in names)
    return {name: version for name, _, version in split if name != VERSION_NODE}


def differences(left, left_name, right, right_name):
    for name in sorted(set(left) - set(right)):
        yield f"{name}: in {left_name}, not in {right_name}"
    for name in sorted(set(right) - set(left)):
        yield f"{name}: in {right_name}, not in {left_name}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    declared = headers.exported_names()
    if sys.argv[1] == "--write":
        SYMBOLS.write_text("".join(f"{name}\n" for name in declared))
        return
    listed = SYMBOLS.read_text().split()
    library = exported(pathlib.Path(sys.argv[1], "libagencydb.so"))
    messages = [*differences(declared, "include/", listed, "symbols.txt"),
                *differences(listed, "symbols.txt", library, "libagencydb.so")]
    messages += [f"{name}: has version '{version}', not {VERSION_NODE}" for name, version in library.items()
                 if version != VERSION_NODE]
    if listed != sorted(set(listed)):
        messages.append("symbols.txt: is not sorted")
    print("\n".join(messages) or f"{len(listed)} functions, the same everywhere")
    sys.exit(1 if messages or not listed else 0)


if __name__ == "__main__":
    main()
