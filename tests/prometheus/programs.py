"""The programs: the example service, Prometheus and its promtool."""
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from support.common import ROOT, Stuck, as_server_user, free_ports, until

PATIENCE_S = 10


def get(url):
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


class Service:
    """examples/18-metrics.c beside the servers of a map."""

    def __init__(self, folder, build, map_file):
        program = folder / "service"
        subprocess.run(["cc", "-std=gnu11", "-O2", "-pthread", f"-I{ROOT}/include", f"-I{build}/include", "-o", program,
                        ROOT / "examples" / "18-metrics.c", f"-L{build}", "-lagencydb", f"-Wl,-rpath,{build}"],
                       check=True)
        with open(folder / "service.log", "wb") as log:
            self.process = subprocess.Popen([program, map_file, "0"], stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise Stuck("the service has not begun")

    def target(self):
        return urllib.parse.urlsplit(self.url).netloc

    def page(self):
        return get(self.url)

    def runs(self):
        return self.process.poll() is None

    def stop(self):
        if self.runs():
            self.process.terminate()
        self.process.wait()


class Prometheus:
    def __init__(self, folder, config):
        self.base = f"http://127.0.0.1:{free_ports(1)[0]}"
        self.log = folder / "prometheus.log"
        self.began = None
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                as_server_user(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
                                f"--web.listen-address={self.base.removeprefix('http://')}"]),
                stdout=log, stderr=log, cwd="/")
        until("Prometheus is ready", self.is_ready, patience=30)

    def is_ready(self):
        if self.process.poll() is not None:
            raise Stuck(f"Prometheus has ended: {self.log.read_text()[-500:]}")
        try:
            return bool(get(f"{self.base}/-/ready"))
        except OSError:
            return False

    def api(self, path, **parameters):
        url = f"{self.base}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            return json.loads(get(url))["data"]
        except urllib.error.HTTPError as error:
            raise Stuck(f"{path} {parameters}: {error.read().decode()}") from None

    def query(self, expression):
        """[(labels, number)] of now."""
        return [(one["metric"], float(one["value"][1]))
                for one in self.api("query", query=expression)["result"]]

    def number(self, expression):
        """That of the only answer; None: there is none."""
        answer = self.query(expression)
        return answer[0][1] if len(answer) == 1 else None

    def history(self, expression, begin, end):
        """All numbers in that time."""
        answer = self.api("query_range", query=expression, start=begin, end=end, step=1)["result"]
        return [float(number) for one in answer for _, number in one["values"]]

    def firing(self):
        return {alert["labels"]["alertname"] for alert in self.api("alerts")["alerts"] if alert["state"] == "firing"}

    def complaints(self):
        return [line for line in self.log.read_text().splitlines() if "level=warn" in line or "level=error" in line]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()


def promtool(*words, text=None):
    """(exit status, what it said)"""
    done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True,
                          cwd=ROOT / "examples" / "metrics", env=dict(os.environ, LC_ALL="C"))
    return done.returncode, (done.stdout + done.stderr).strip()
