"""What the tests of commands that work on all shards share: a cluster of three shards in two
keyspaces that a test boots for itself, and checks that print a line each."""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

MAP = """\
agencydb: 1
default_keyspace: core
defaults:
  connection: { user: agency_app, dbname: agency }
  timeouts: { park: 20s, call: 20s }
keyspaces:
  core:
    shards:
      east: { slots: [0-2047], nodes: [ { name: east-1, host: 127.0.0.1, port: 6001 } ] }
      west: { slots: [2048-4095], nodes: [ { name: west-1, host: 127.0.0.1, port: 6002 } ] }
  notes:
    shards:
      notes-1: { nodes: [ { name: n-1, host: 127.0.0.1, port: 6002, connection: { dbname: notes } } ] }
"""


class Run:
    """What a command ended with and printed."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)


class Host:
    """A process of a service, with a control socket: tests/support/control_host.c."""

    def __init__(self, map_path, path, service):
        program = pathlib.Path(sys.argv[1]).resolve().parent / "tests/control_host"
        self.process = subprocess.Popen([str(program), map_path, path, service], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.expect("ready")

    def expect(self, word):
        line = self.process.stdout.readline().strip()
        if line != word:
            sys.exit(f"control_host said {line!r}, not {word!r}")

    def do(self, line, answer="done"):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.expect(answer)

    def end(self):
        self.process.stdin.close()
        return self.process.wait(timeout=30)


def eventually(test, action):
    """The last result of `action`, and whether it ever passed `test`."""
    end = time.monotonic() + 20
    while True:
        result = action()
        if test(result) or time.monotonic() > end:
            return result
        time.sleep(0.05)


class Shards:
    """The cluster, and the folder of the test, which is its working directory."""

    def __init__(self, text=MAP, init=True):
        self.command = os.path.realpath(sys.argv[1])
        self.text, self.init = text, init
        self.checks = self.failures = 0

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="agdb-cli."))
        self.folder.chmod(0o755)  # root's servers run as another user
        os.chdir(self.folder)
        pathlib.Path("dev.yaml").write_text(self.text)
        try:
            self.must("up", "--free-ports", "--dir", "c", "dev.yaml")
            self.map = "c/map.yaml"
            if self.init:
                self.must("init", self.map)
        except BaseException:
            self.__exit__()
            raise
        self.read_nodes()
        return self

    def read_nodes(self):
        self.nodes = {}
        for line in pathlib.Path("c/nodes.tsv").read_text().splitlines():
            _, shard, node, _, _, port, data, pid, socket = line.split("\t")
            found = {"port": port, "pid": int(pid), "data": data, "socket": socket}
            self.nodes[node] = found
            self.nodes.setdefault(shard, found)  # its first node

    def __exit__(self, *_):
        self.run("down", "--dir", "c")
        os.chdir("/")
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- commands
    def start(self, *words):
        return subprocess.Popen([self.command, *map(str, words)], stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words, stdin=""):
        done = subprocess.run([self.command, *map(str, words)], input=stdin, text=True, capture_output=True,
                              timeout=120, check=False)
        return Run(done.returncode, done.stdout, done.stderr)

    def on_terminal(self, *words, both=False):
        """What it writes to standard error when that is a terminal; both: and to standard output."""
        outer, inner = pty.openpty()
        with subprocess.Popen([self.command, *map(str, words)], stderr=inner, stdin=subprocess.DEVNULL,
                              stdout=inner if both else subprocess.DEVNULL, env=dict(os.environ, TERM="xterm")):
            os.close(inner)
            seen = b""
            try:
                while chunk := os.read(outer, 4096):
                    seen += chunk
            except OSError:  # the other end is closed
                pass
        os.close(outer)
        return seen

    def wait_for(self, shard, sql, expected="1", database="agency"):
        """Until a statement of one value gives this one."""
        end = time.monotonic() + 60
        while self.psql(shard, sql, database) != expected:
            if time.monotonic() > end:
                sys.exit(f"{sql} on {shard} was never {expected}")
            time.sleep(0.02)

    def must(self, *words):
        done = self.run(*words)
        if done.code != 0:
            sys.exit(f"{' '.join(map(str, words))} failed: {done.out}{done.err}")
        return done

    def psql(self, shard, sql, database="agency"):
        """As the superuser, past the library."""
        node = self.nodes[shard]
        env = dict(os.environ, PGPASSFILE=str(self.folder / "c/admin.pgpass"))
        done = subprocess.run([psql_path(), "-XAtq", "-U", "agencydb_admin", "-h", node["socket"], "-p", node["port"],
                               "-d", database, "-v", "ON_ERROR_STOP=1", "-c", sql],
                              env=env, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"psql on {shard}: {sql}: {done.stderr}")
        return done.stdout.strip()

    def kill_server(self, shard):
        """It is dead, or nobody's child any more, when this returns."""
        pid = self.nodes[shard]["pid"]
        os.kill(pid, signal.SIGQUIT)
        while True:
            try:
                os.readlink(f"/proc/{pid}/cwd")
            except OSError:
                return
            time.sleep(0.02)

    def write(self, name, text):
        path = pathlib.Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    # --- checks
    def check(self, name, good, *shown):
        self.checks += 1
        print(f"{'ok   ' if good else 'FAIL '} {name}", flush=True)
        if not good:
            self.failures += 1
            for text in shown:
                print("      " + str(text).replace("\n", "\n      "), flush=True)

    def same(self, name, expected, got):
        self.check(name, expected == got, f"expected: {expected!r}", f"got:      {got!r}")

    def ends(self, name, done, code, *patterns):
        """The command ended with `code`, and each pattern is found in a line that it printed."""
        text = done.out + done.err
        missing = [p for p in patterns if not re.search(p, text, re.M)]
        self.check(name, done.code == code and not missing, f"exit code {done.code}, not found: {missing}", text)

    def finish(self):
        print(f"{self.checks} checks, {self.failures} failed")
        sys.exit(1 if self.failures else 0)


class Bouncer:
    """A PgBouncer in transaction mode in front of a shard's server; whoever comes is the application."""

    def __init__(self, shards, shard):
        node = shards.nodes[shard]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="agdb-bouncer."))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        password = pathlib.Path("c/password").read_text().strip()
        config = self.folder / "pgbouncer.ini"
        config.write_text(f"[databases]\nagency = host=127.0.0.1 port={node['port']} user=agency_app password='{password}'\n"
                          f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
                          f"logfile = {self.folder}/log\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n")
        config.chmod(0o600)
        owner = os.stat(node["data"])
        who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        if who:  # it refuses root
            for path in (self.folder, config):
                os.chown(path, owner.st_uid, owner.st_gid)
        program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        self.process = subprocess.Popen([program, str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, **who)

    def __enter__(self):
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > end:
                    sys.exit("PgBouncer does not listen")
                time.sleep(0.02)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def psql_path():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"), key=lambda p: int(p.parts[4]))
    return str(found[-1]) if found else "psql"
