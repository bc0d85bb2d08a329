"""PostgreSQL servers without anybody who looks after them: started, killed, promoted and rebuilt by name."""
import os
import pathlib
import shutil
import signal
import subprocess

from support import load
from support.common import Stuck, as_server_user, bindir, free_ports, server_user, sql, until

# Written once, into the template. Ports and what differs come on the command line or from `auto`.
COMMON = """
listen_addresses = '127.0.0.1'
max_connections = 60
max_wal_senders = 8
shared_buffers = 32MB
wal_keep_size = 128MB
wal_log_hints = on
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 100ms
log_line_prefix = '%m %p '
"""
DURABLE = {"fsync": "on"}
CHEAP = {"fsync": "off"}  # commits wait for nothing: the library lets writes travel in groups


def run(command, check=True):
    done = subprocess.run(as_server_user(command), capture_output=True, text=True, check=False, cwd="/")
    if check and done.returncode != 0:
        raise Stuck(f"{command[0]}: {done.stderr.strip()}")
    return done


class Template:
    """A stopped server with a shard's tables and stamp. Copies of it are one cluster."""

    def __init__(self, folder, agencydb):
        self.data = folder / "template"
        run([f"{bindir()}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale",
             "C.UTF-8", "--data-checksums", "--wal-segsize", "4", "--no-sync"])
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(COMMON)
        server = Server(folder, "template", free_ports(1)[0], self.data)
        server.start()
        load.make_tables(server.port)
        load.stamp(agencydb, load.write_map(folder / "template.yaml", {"n1": server.port}))
        server.stop()

    def copy(self, data):
        run(["cp", "-a", "--reflink=auto", self.data, data])


class Server:
    def __init__(self, folder, name, port, data=None):
        self.folder = folder
        self.name = name
        self.port = port
        self.data = data or folder / name
        self.log = folder / f"{name}.log"
        self.process = None
        self.auto = {}

    def sql(self, text, check=True):
        return sql(self.port, text, check)

    # --- life ---------------------------------------------------------------------------------
    def start(self, wait=True):
        self.write_auto()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                as_server_user([f"{bindir()}/postgres", "-D", self.data, "-p", self.port, "-k", self.folder]),
                stdout=log, stderr=log, cwd="/")
        if wait:
            self.wait_up()

    def wait_up(self):
        until(f"{self.name} answers", lambda: self.sql("SELECT 1", check=False) == "1", pause=0.02)

    def stop(self):
        """Planned: sessions end, standbys get everything first."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def kill(self, alone=False):
        """All of it, as when the machine goes; or the postmaster alone, whose children then find out."""
        family = [] if alone else children(self.process.pid)
        self.process.kill()
        for pid in family:
            signal_one(pid, signal.SIGKILL)
        self.process.wait()

    def gone(self):
        """Waits until nothing holds the data directory any more."""
        if self.process.poll() is None:
            self.kill()
        until(f"{self.name} is gone", lambda: not users_of(self.data), pause=0.02)

    # --- roles --------------------------------------------------------------------------------
    def promote(self):
        run([f"{bindir()}/pg_ctl", "promote", "-D", self.data, "-w", "-t", "60"])

    def write_auto(self):
        path = self.data / "postgresql.auto.conf"
        path.write_text("".join(f"{name} = '{value}'\n" for name, value in self.auto.items()))

    def set(self, **settings):
        """For a running one. Empty: as by default."""
        self.auto.update(settings)
        self.write_auto()
        self.process.send_signal(signal.SIGHUP)

    def follow(self, primary):
        """It will be a standby when it is started; one that runs turns to the new primary."""
        self.auto["primary_conninfo"] = (f"host=127.0.0.1 port={primary.port} user=postgres "
                                         f"application_name={self.name}")
        self.auto.pop("synchronous_standby_names", None)
        signal_file = self.data / "standby.signal"
        signal_file.touch()
        os.chown(signal_file, server_user().pw_uid, server_user().pw_gid)
        if self.process is not None and self.process.poll() is None:
            self.write_auto()
            self.process.send_signal(signal.SIGHUP)

    def follows(self, primary):
        """Whether it receives the log of the primary's timeline."""
        timeline = primary.sql("SELECT timeline_id FROM pg_control_checkpoint()")
        return self.sql("SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming' AND "
                        f"received_tli = {timeline}", check=False) == "1"

    # --- again --------------------------------------------------------------------------------
    def rebuild(self, primary, how):
        """Makes it a standby of `primary`, whatever it was. Returns how it was done."""
        self.gone()
        if how == "rewind":
            primary.sql("CHECKPOINT")  # before it, the old timeline is in the control file
            done = run([f"{bindir()}/pg_rewind", "-N", "-D", self.data, "--source-server",
                        f"host=127.0.0.1 port={primary.port} user=postgres dbname=postgres"], check=False)
            if done.returncode != 0:
                how = f"copy after a failed rewind ({done.stderr.strip().splitlines()[-1]})"
        if how != "rewind":
            shutil.rmtree(self.data)
            run([f"{bindir()}/pg_basebackup", "-D", self.data, "-h", "127.0.0.1", "-p", primary.port, "-U",
                 "postgres", "-c", "fast", "-X", "stream", "-N"])
        self.follow(primary)
        self.start()
        return how

    def receiver(self):
        """The pid of the process that receives the log."""
        return next((pid for pid in children(self.process.pid) if "walreceiver" in command_of(pid)), None)


class Shard:
    """A primary and its standbys, from a template."""

    def __init__(self, folder, template, standbys, **settings):
        self.folder = folder
        ports = free_ports(1 + standbys)
        self.servers = [Server(folder, f"n{i + 1}", port) for i, port in enumerate(ports)]
        self.primary = self.servers[0]
        self.sync = False
        for server in self.servers:
            template.copy(server.data)
            server.auto.update(settings)
            if server is not self.primary:
                server.follow(self.primary)
            server.start(wait=False)
        for server in self.servers:
            server.wait_up()
        self.wait_whole()

    def promote(self, server):
        """It is the primary now, and its commits wait for nobody."""
        server.promote()
        self.primary = server
        self.sync = False

    def standbys(self):
        return [server for server in self.servers if server is not self.primary]

    def ports(self):
        return {server.name: server.port for server in self.servers}

    def set_synchronous(self, names):
        """The primary's commits wait for one of these from now on; all have to stream."""
        self.sync = bool(names)
        self.primary.set(synchronous_standby_names=f"FIRST 1 ({names})" if names else "")
        self.wait_whole()

    def wait_whole(self):
        """Every standby streams, and has replayed what there was at the beginning."""
        position = self.primary.sql("SELECT pg_current_wal_flush_lsn()")

        def whole():
            answer = self.primary.sql(
                "SELECT count(*), count(*) FILTER (WHERE sync_state = 'sync') FROM pg_stat_replication "
                f"WHERE state = 'streaming' AND replay_lsn >= '{position}'", check=False)
            streaming, _, synchronous = answer.partition("|")
            return streaming == str(len(self.servers) - 1) and (not self.sync or synchronous != "0")
        until("all standbys stream", whole)

    def begin_anew(self, **settings):
        """Empties the tables, and gives all servers these settings."""
        self.primary.sql(f"TRUNCATE {', '.join(load.TABLES)}, agencydb.idempotency")
        for server in self.servers:
            server.set(**settings)

    def stop(self):
        for server in self.servers:
            if server.process is not None and server.process.poll() is None:
                server.kill()


# --- processes -------------------------------------------------------------------------------------
def children(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def signal_one(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def users_of(data):
    """Processes of a server whose working directory this is. One that is dead has none."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(data):
                found.append(int(entry.name))
        except OSError:
            pass
    return found

