"""What is documented: the metrics of src/api/metrics.def, the files of examples/metrics."""
import json
import re
import sys

from support.common import ROOT

sys.path.insert(0, str(ROOT / "tests" / "style"))
import check_metrics  # noqa: E402

FOLDER = ROOT / "examples" / "metrics"
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*"')
SECONDS = 10  # of Grafana's $__rate_interval, with a scrape each second


def metrics():
    return check_metrics.read_metrics()


def dashboard():
    """(panel, expression) of everything that it asks, as Grafana would ask it."""
    asked = check_metrics.panels(json.loads((FOLDER / "dashboard.json").read_text()))
    for panel in asked:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", f"{SECONDS}s")
            yield panel["title"], expression.replace("$job", ".*").replace("$instance", ".*")


def config(folder, target):
    """The documented configuration and rules as files, but that all is done every second and that alerts wait for
    two only. Returns the configuration's path."""
    text, times = re.subn(r"_interval: 15s", "_interval: 1s", (FOLDER / "prometheus.yml").read_text())
    text, targets = re.subn(r"127\.0\.0\.1:9464", target, text)
    rules, waits = re.subn(r"\bfor: \w+", "for: 2s", (FOLDER / "rules.yml").read_text())
    if (times, targets) != (2, 1) or waits == 0:
        raise SystemExit("examples/metrics/prometheus.yml and rules.yml are not what this test takes them for")
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(text)
    return folder / "prometheus.yml"


def samples(page):
    """(name, names of its labels, all of its identity) of each line that is a sample."""
    for line in page.splitlines():
        if line and not line.startswith("#"):
            match = SAMPLE.match(line)
            if match is None:
                yield line, [], line
            else:
                yield match.group(1), LABEL.findall(match.group(2) or ""), line.rsplit(" ", 1)[0]
