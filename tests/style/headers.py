"""Reads the public headers: declarations with the comments before them."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMENT = r"/\*(?P<comment>(?:[^*]|\*(?!/))*)\*/\s*"
FUNCTION = re.compile(
    r"(?:" + COMMENT + r")?^(?P<kind>AGDB_API|static inline)\s+(?P<head>[^;{}()]*?)(?P<name>agdb_\w+)"
    r"\((?P<params>[^;{}]*?)\)(?:\s*AGDB_\w+(?:\([^()]*\))?)*\s*[;{]", re.M)
OPAQUE = re.compile(r"(?:" + COMMENT + r")?^typedef struct (?P<tag>\w+) (?P<name>agdb_\w+);", re.M)


class Function:
    def __init__(self, path, text, match):
        self.path = path
        self.line = text.count("\n", 0, match.start("kind")) + 1
        self.name = match.group("name")
        self.comment = match.group("comment")
        self.exported = match.group("kind") == "AGDB_API"
        head = match.group("head").replace("AGDB_CHECKED", "").strip()
        self.returns = head != "void"
        params = " ".join(match.group("params").split())
        self.params = [] if params in ("void", "") else [
            re.search(r"(\w+)(?:\[\w*\])?$", p.strip()).group(1) for p in params.split(",")]

    @property
    def where(self):
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def header_files():
    return sorted((ROOT / "include").rglob("*.h"))


def functions(path):
    text = path.read_text()
    return [Function(path, text, m) for m in FUNCTION.finditer(text)]


def opaque_types(path):
    """(line, name, comment) of each handle."""
    text = path.read_text()
    return [(text.count("\n", 0, m.start("tag")) + 1, m.group("name"), m.group("comment"))
            for m in OPAQUE.finditer(text)]


def exported_names():
    """All functions that the headers promise."""
    return sorted(f.name for path in header_files() for f in functions(path) if f.exported)


def declared_count(path):
    """How often AGDB_API stands in a header outside its own definition: what functions() must find."""
    code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return len(re.findall(r"^AGDB_API\b", code, flags=re.M))
