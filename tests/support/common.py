"""What commands that set faults on real servers share: packages, folders, ports, waiting, verdicts."""
import contextlib
import functools
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
from harness import base  # noqa: E402

BUILD_PACKAGES = ("gcc cmake ninja-build pkg-config libpq-dev libyaml-dev libxxhash-dev libjansson-dev libcmocka-dev "
                  "postgresql-15 postgresql-client-15 util-linux").split()
PATIENCE_S = 60


class Stuck(Exception):
    """What had to come did not: nothing after it can be judged."""


def say(text):
    print(text, flush=True)


def install(*packages):
    """What is missing of these and of what the programs are built with."""
    base.install([p for p in [*BUILD_PACKAGES, *packages] if subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", p], capture_output=True,
        text=True).stdout != "installed"])


def programs(build):
    """The paths of the load and of the command, which are built when they are not there."""
    load = pathlib.Path(build) / "tests" / "faults_load"
    command = pathlib.Path(build) / "agencydb"
    if not load.exists() or not command.exists():
        for step in (["cmake", "--preset", "release", "-B", build],
                     ["cmake", "--build", build, "--target", "faults_load", "agencydb_cli", "-j2"]):
            subprocess.run(step, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return load, command


def server_user():
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def as_server_user(command):
    """It ends when this process does."""
    prefix = ["setpriv", "--pdeathsig", "KILL"]
    if os.geteuid() == 0:
        prefix += [f"--reuid={server_user().pw_uid}", f"--regid={server_user().pw_gid}", "--init-groups"]
    return prefix + [str(word) for word in command]


@contextlib.contextmanager
def folder(name, keep, verdicts):
    """One that the servers may use; it is removed, also after SIGTERM. It stays when it is to be kept, and when
    something has failed and AGDB_TEST_KEEP says so."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"agdb-{name}."))
    path.chmod(0o755)
    os.chown(path, server_user().pw_uid, server_user().pw_gid)
    try:
        yield path
    finally:
        if keep or (verdicts.failed > 0 and os.environ.get("AGDB_TEST_KEEP") == "1"):
            say(f"logs: {path}")
        else:
            time.sleep(0.5)
            shutil.rmtree(path, ignore_errors=True)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def until(what, condition, patience=PATIENCE_S, pause=0.05):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise Stuck(f"not within {patience} s: {what}")


@functools.cache
def bindir():
    return subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()


def sql(port, text, check=False):
    """What psql answers; "" when it fails, unless that is to be an error."""
    done = subprocess.run([f"{bindir()}/psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d",
                           "postgres", "-AtXqc", text], capture_output=True, text=True, check=False,
                          env=dict(os.environ, PGCONNECT_TIMEOUT="10"))
    if check and done.returncode != 0:
        raise Stuck(f"{text}: {done.stderr.strip()}")
    return done.stdout.strip()


class Verdicts:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def expect(self, good, text):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            say(f"  FAILED: {text}")

    @contextlib.contextmanager
    def stage(self, name):
        """One that gets stuck has failed; what comes after it goes on."""
        try:
            yield
        except Stuck as stuck:
            self.expect(False, f"{name}: {stuck}")

    def end(self):
        """Prints the last line. Returns the exit status."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 else 1


def spread(numbers, form="{:.2f}"):
    """`median [least-most]`."""
    ordered = sorted(numbers)
    return f"{form} [{form}-{form}]".format(ordered[len(ordered) // 2], ordered[0], ordered[-1])
