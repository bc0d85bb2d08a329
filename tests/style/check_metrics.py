#!/usr/bin/python3
"""Checks the metrics against their one table, src/api/metrics.def:

- names, units and helps are as Prometheus wants them, and every metric is written
- the table between the gen:metrics markers of examples/metrics/README.md says the same
- the dashboard and the alerts there ask only for metrics and labels that there are, and the dashboard shows
  every metric

    tests/style/check_metrics.py            check
    tests/style/check_metrics.py --write    write the table of the README
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEF = ROOT / "src/api/metrics.def"
DOCS = ROOT / "examples/metrics"
README = DOCS / "README.md"
BEGIN, END = "<!-- gen:metrics -->", "<!-- /gen:metrics -->"
ROW = re.compile(r'METRIC\((\w+),\s*("[^)]*?"|(?:[^()"]|"(?:[^"\\]|\\.)*")*)\)', re.S)
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
SCRAPED = {"job", "instance", "le"}  # labels that come with scraping and with histograms
LABELS_MAX = 5                       # AGDB__METRIC_LABELS
SUFFIXES = ("_bucket", "_sum", "_count")


class Metric:
    def __init__(self, identifier, rest):
        match = re.match(r'\s*"(\w+)",\s*(COUNTER|GAUGE|HISTOGRAM),\s*"(\w*)",\s*"([\w ]*)",(.*)$', rest, re.S)
        if not match:
            sys.exit(f"{DEF.relative_to(ROOT)}: {identifier} is not METRIC(id, name, type, unit, labels, meaning)")
        self.id = identifier
        self.name, kind, self.unit, labels, meaning = match.groups()
        self.type = kind.lower()
        self.labels = labels.split()
        self.meaning = "".join(TEXT.findall(meaning))

    def series(self):
        """The names under which it is scraped."""
        return [self.name + suffix for suffix in SUFFIXES] if self.type == "histogram" else [self.name]


def read_metrics():
    text = re.sub(r"/\*.*?\*/", "", DEF.read_text(), flags=re.S)
    metrics = [Metric(*match.groups()) for match in ROW.finditer(text)]
    if len(metrics) != text.count("METRIC(") or not metrics:
        sys.exit(f"{DEF.relative_to(ROOT)}: {text.count('METRIC(')} metrics, of which {len(metrics)} can be read")
    return metrics


# --- the table -------------------------------------------------------------------------------------
def table(metrics):
    lines = ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
    for m in metrics:
        labels = " ".join(f"`{label}`" for label in m.labels)
        lines.append(f"| `{m.name}` | {m.type} | {labels} | {m.meaning} |")
    return "\n".join(lines)


def readme_text(metrics):
    before, begin, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{README.relative_to(ROOT)}: needs {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table(metrics)}\n{END}{after}"


def check_readme(metrics):
    if README.read_text() != readme_text(metrics):
        yield (f"{README.relative_to(ROOT)}: is not what {DEF.relative_to(ROOT)} says; run "
               "tests/style/check_metrics.py --write")


# --- the metrics themselves ------------------------------------------------------------------------
def check_metric(m):
    if not re.fullmatch(r"agdb_[a-z]+(_[a-z]+)*", m.name) or m.name.endswith(SUFFIXES):
        yield "is no name of a metric"
    if (m.type == "counter") != m.name.endswith("_total"):
        yield "a counter ends with _total, and nothing else does"
    if m.unit and not re.search(rf"_{m.unit}(_total)?$", m.name):
        yield f"does not end with its unit, {m.unit}"
    if not m.unit and re.search(r"(seconds|bytes)(_total)?$", m.name):
        yield "ends with a unit that it does not have"
    if len(m.labels) > LABELS_MAX or len(set(m.labels)) != len(m.labels) or set(m.labels) & SCRAPED:
        yield f"labels {m.labels}"
    if not re.fullmatch(r"[A-Z0-9][^\\\n|]*[^.\\\n|]", m.meaning):
        yield "its meaning is a line that begins with a capital, without a period, | and backslash"


def check_metrics(metrics):
    sources = "".join(path.read_text() for path in sorted((ROOT / "src/api").glob("metrics*.c")))
    for m in metrics:
        for problem in check_metric(m):
            yield f"{DEF.relative_to(ROOT)}: {m.name}: {problem}"
        if len(re.findall(rf"\bAGDB__METRIC_{m.id}\b", sources)) != 1:
            yield f"src/api: {m.name}: is not written once"
    if len({m.name for m in metrics}) != len(metrics):
        yield f"{DEF.relative_to(ROOT)}: two metrics have one name"


# --- what asks for them ----------------------------------------------------------------------------
def expressions(path):
    """(where, expression) of the alerts, or of the dashboard's panels and variables."""
    if path.suffix == ".json":
        yield from ((f"panel '{panel['title']}'", target["expr"]) for panel in panels(json.loads(path.read_text()))
                    for target in panel.get("targets", []))
    else:
        import yaml
        yield from ((f"alert {rule['alert']}", rule["expr"])
                    for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"])


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def asked_for(expression):
    """(series, labels in its braces) of each selector."""
    for match in re.finditer(r"\b(agdb_\w+)(?:\{([^}]*)\})?", expression):
        yield match.group(1), re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", match.group(2) or "")


def check_expression(expression, series):
    known = SCRAPED.union(*(labels for labels in series.values()))
    for name, labels in asked_for(expression):
        if name not in series:
            yield f"there is no {name}"
        elif set(labels) - series[name] - SCRAPED:
            yield f"{name} has no label {', '.join(sorted(set(labels) - series[name] - SCRAPED))}"
    for group in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", expression):
        unknown = {label.strip() for label in group.split(",") if label.strip()} - known
        if unknown:
            yield f"no metric has a label {', '.join(sorted(unknown))}"


def check_askers(metrics):
    series = {name: set(m.labels) for m in metrics for name in m.series()}
    for file in ("dashboard.json", "rules.yml"):
        seen = set()
        for where, expression in expressions(DOCS / file):
            seen |= {name for name, _ in asked_for(expression)}
            for problem in check_expression(expression, series):
                yield f"examples/metrics/{file}: {where}: {problem}"
        if not seen:
            yield f"examples/metrics/{file}: asks for nothing"
        if file == "dashboard.json":
            for m in metrics:
                if not seen & set(m.series()):
                    yield f"examples/metrics/{file}: does not show {m.name}"


def main():
    metrics = read_metrics()
    if "--write" in sys.argv[1:]:
        README.write_text(readme_text(metrics))
    messages = [*check_metrics(metrics), *check_readme(metrics), *check_askers(metrics)]
    print("\n".join(messages) or f"{len(metrics)} metrics are as they should be, and documented")
    sys.exit(1 if messages else 0)


if __name__ == "__main__":
    main()
