"""Where things are, what is installed, how programs are built and run."""
import json
import os
import pathlib
import shutil
import subprocess
import time

BENCH = pathlib.Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
PACKAGES = ("gcc cmake ninja-build pkg-config libpq-dev libyaml-dev libxxhash-dev libjansson-dev postgresql-15 "
            "postgresql-client-15 postgresql-15-plproxy pgbouncer valgrind iproute2 util-linux").split()
JOBS = 2
STALLED_S = 60  # a program of the bench is done in a few seconds


class Failure(Exception):
    """One side or one measure cannot be run; the others can."""


def missing_packages():
    if shutil.which("dpkg-query") is None:
        return []
    missing = []
    for package in PACKAGES:
        answer = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                                capture_output=True, text=True)
        if answer.stdout != "installed":
            missing.append(package)
    return missing


def install(packages=None):
    """As root installs what is missing; as somebody else says what is."""
    missing = missing_packages() if packages is None else packages
    if not missing:
        return
    if os.geteuid() != 0:
        raise SystemExit(f"Missing packages; as root: apt-get install {' '.join(missing)}")
    settings = pathlib.Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():  # the package is wanted for its programs, not for a server on 5432
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
    # Programs that start with their package are not wanted either.
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    forbids = not policy.exists()
    if forbids:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
                       env=environment, check=True, stdout=subprocess.DEVNULL)
    finally:
        if forbids:
            policy.unlink()


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


class Programs:
    """The folder of the bench's programs, and the command. What is not done at `end` fails."""

    end = None

    def __init__(self, folder, agencydb):
        self.folder = pathlib.Path(folder)
        self.agencydb = str(agencydb)

    def path(self, name):
        return str(self.folder / f"bench_{name}")

    def json(self, name, *args, prefix=()):
        """Runs one of them; what it prints last is its answer. One that stalls is killed."""
        done = self.run([*prefix, self.path(name), *(str(arg) for arg in args)])
        if done.returncode != 0:
            raise Failure(last_line(done.stderr) or f"bench_{name} ended with {done.returncode}")
        return json.loads(done.stdout.splitlines()[-1])

    def run(self, command, limit=STALLED_S, **more):
        left = limit if self.end is None else min(limit, self.end - time.monotonic())
        if left <= 0:
            raise Failure("no time was left for it")
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=left, **more)
        except subprocess.TimeoutExpired as late:
            name = next((pathlib.Path(word).name for word in command if "bench" in word), command[0])
            said = last_line((late.stderr or b"").decode(errors="replace"))
            raise Failure(f"{name} was killed: it did not end in {left:.0f} s {said}".strip()) from None


def build(folder):
    """The library and the programs, optimised as packages are."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    with open(log, "w", encoding="utf-8") as out:
        for command in (["cmake", "-S", str(BENCH), "-B", str(folder), "-G", "Ninja",
                         "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DAGDB_TESTS=OFF", "-DAGDB_SANITIZE="],
                        ["cmake", "--build", str(folder), "-j", str(JOBS)]):
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode != 0:
                tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-15:])
                raise SystemExit(f"The build failed; all of it is in {log}:\n{tail}")
    return Programs(folder, folder / "agencydb" / "agencydb")


def machine():
    """One line about where this runs."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, Linux {os.uname().release}"
