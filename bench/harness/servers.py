"""The servers: local clusters booted by `agencydb up`, PgBouncer, PL/Proxy, the relay."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from .base import Failure

USER, DBNAME, ADMIN = "agency_app", "agency", "agencydb_admin"
ROWS = 20000
AGENCIES = [f"agency-{number:04d}" for number in range(256)]

TABLE = f"""
CREATE TABLE bench_row (id bigint PRIMARY KEY, agency text NOT NULL, payload text NOT NULL,
                        n integer NOT NULL DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO bench_row SELECT g, format('agency-%s', lpad((g % 256)::text, 4, '0')),
       format('row %s of the bench, some forty bytes', g) FROM generate_series(1, {ROWS}) g
"""


def bindir():
    done = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "/usr/lib/postgresql/15/bin"


def server_user():
    """Who runs servers: they refuse root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def as_server_user(command):
    """The command as that user, ending with this program whatever happens to it."""
    prefix = ["setpriv", "--pdeathsig", "TERM"]
    if os.geteuid() == 0:
        prefix += [f"--reuid={server_user().pw_uid}", f"--regid={server_user().pw_gid}", "--init-groups"]
    return prefix + command


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Node:
    def __init__(self, line):
        self.keyspace, self.shard, self.name, self.role, self.host, port, self.data, _, self.socket = line.split("\t")
        self.port = int(port)

    def conninfo(self, dbname=DBNAME, host=None):
        return (f"host={host or self.socket} port={self.port} user={USER} dbname={dbname} "
                "sslmode=disable gssencmode=disable")

    def socket_path(self):
        return f"{self.socket}/.s.PGSQL.{self.port}"


class Cluster:
    """Throwaway servers for a map. `shape` is {keyspace: {shard: (nodes, dbname)}}; nodes with one
    number share a server."""

    keep = False  # leave the folders, stopped

    def __init__(self, programs, name, shape, durable=False):
        self.programs = programs
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"agdb-bench-{name}."))
        self.folder.chmod(0o755)  # the servers may belong to another user
        self.dir = self.folder / "cluster"
        self.shape = shape
        self.children = []
        self.maps = 0
        try:
            self.boot(durable)
        except BaseException:
            self.close()
            raise

    # --- up and down ------------------------------------------------------------------------------
    def boot(self, durable):
        source = self.folder / "source.yaml"
        password = self.folder / "password"
        numbers = {number for shards in self.shape.values() for nodes, _ in shards.values() for number in nodes}
        ports = {number: free_port() for number in sorted(numbers)}
        source.write_text(self.text(lambda number: ("127.0.0.1", ports[number]), f"password_file: {password}"),
                          encoding="utf-8")
        self.agencydb("up", str(source), "--free-ports", "--dir", str(self.dir),
                      *(["--durable"] if durable else []))
        lines = (self.dir / "nodes.tsv").read_text(encoding="utf-8").splitlines()
        self.nodes = [Node(line) for line in lines if line and not line.startswith(("#", "keyspace\t"))]
        self.agencydb("init", str(self.dir / "map.yaml"))
        self.trust()

    def agencydb(self, *args):
        done = subprocess.run([self.programs.agencydb, *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failure(f"agencydb {args[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def trust(self):
        """A login without a password for the bench's role: what it costs is not what is measured."""
        for node in {node.data: node for node in self.nodes}.values():
            hba = pathlib.Path(node.data) / "pg_hba.conf"
            text = hba.read_text(encoding="utf-8")
            hba.write_text(f"local all {USER} trust\nhost all {USER} 127.0.0.1/32 trust\n{text}", encoding="utf-8")
            self.admin(node, "SELECT pg_reload_conf()")
        for node in self.nodes:
            self.wait_for(node, "SELECT 1", "1")

    def close(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self.dir.exists():
            subprocess.run([self.programs.agencydb, "down", *(["--keep"] if self.keep else []), "--dir",
                            str(self.dir)], capture_output=True)
        if self.keep:
            print(f"kept: {self.folder}", file=sys.stderr)
            return
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- SQL --------------------------------------------------------------------------------------
    def psql(self, arguments, sql, check=True, environment=None):
        done = subprocess.run([f"{bindir()}/psql", "-X", "-At", "-q", "-v", "ON_ERROR_STOP=1", *arguments],
                              input=sql, capture_output=True, text=True, env=dict(os.environ, **(environment or {})))
        if check and done.returncode != 0:
            raise Failure(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def sql(self, node, sql, dbname=DBNAME, check=True):
        return self.psql([node.conninfo(dbname)], sql, check)

    def admin(self, node, sql, dbname="postgres"):
        return self.psql(["-h", node.socket, "-p", str(node.port), "-U", ADMIN, "-d", dbname], sql,
                         environment={"PGPASSFILE": str(self.dir / "admin.pgpass")})

    def wait_for(self, node, sql, wanted, dbname=None, seconds=30):
        dbname = dbname or self.dbname_of(node)
        end = time.monotonic() + seconds
        while self.sql(node, sql, dbname, check=False) != wanted:
            if time.monotonic() > end:
                raise Failure(f"{node.name}: no '{wanted}' for {sql}")
            time.sleep(0.05)

    def dbname_of(self, node):
        return self.shape[node.keyspace][node.shard][1]

    def primaries(self, keyspace):
        return [node for node in self.nodes if node.keyspace == keyspace and node.role == "primary"]

    def replicas(self, keyspace):
        return [node for node in self.nodes if node.keyspace == keyspace and node.role != "primary"]

    def fill(self, keyspace, by_agency=False):
        """The table, on each shard; with by_agency only what belongs there."""
        primaries = self.primaries(keyspace)
        owners = self.owners() if by_agency else {}
        for node in primaries:
            where = ""
            if by_agency:
                mine = ",".join(f"'{agency}'" for agency in AGENCIES if owners[agency] == node.shard)
                where = f" WHERE format('agency-%s', lpad((g % 256)::text, 4, '0')) IN ({mine})"
            self.sql(node, TABLE + where + ";\nVACUUM (ANALYZE) bench_row;", self.dbname_of(node))
        counts = {node.shard: self.sql(node, "SELECT count(*) FROM bench_row", self.dbname_of(node))
                  for node in primaries}
        for node in self.replicas(keyspace):
            self.wait_for(node, "SELECT count(*) FROM bench_row", counts[node.shard])

    def owners(self):
        """Agency to shard, asked of the command: what is checked is not what checks."""
        owners = {}
        lines = self.agencydb("route", str(self.dir / "map.yaml"), *AGENCIES).splitlines()
        shards = {node.shard for node in self.nodes}
        for line in lines:
            words = line.split()
            found = [word for word in words[1:] if word in shards]
            if words and words[0] in AGENCIES and len(found) == 1:
                owners[words[0]] = found[0]
        if len(owners) != len(AGENCIES):
            raise Failure("agencydb route said nothing for some agencies")
        return owners

    def configure(self, node, **settings):
        for name, value in settings.items():
            self.admin(node, f"ALTER SYSTEM SET {name} = '{value}'")
        self.admin(node, "SELECT pg_reload_conf()")
        for name, value in settings.items():
            self.wait_for(node, f"SHOW {name}", value)

    # --- maps -------------------------------------------------------------------------------------
    def text(self, place, connection, only=None, pool=""):
        keyspaces = {only: self.shape[only]} if only else self.shape
        lines = ["agencydb: 1", "epoch: 1", f"default_keyspace: {next(iter(keyspaces))}", "defaults:",
                 f"  connection: {{ user: {USER}, dbname: {DBNAME}, {connection} }}"]
        if pool:
            lines.append(f"  pool: {{ {pool} }}")
        lines.append("keyspaces:")
        for keyspace, shards in keyspaces.items():
            lines += [f"  {keyspace}:", "    shards:"]
            for at, (shard, (nodes, dbname)) in enumerate(shards.items()):
                each = 4096 // len(shards)
                slots = f" slots: [{at * each}-{(at + 1) * each - 1}]," if len(shards) > 1 else ""
                places = []
                for copy, number in enumerate(nodes):
                    host, port = place(number)
                    places.append(f"{{ name: {shard}-{'abc'[copy]}, host: \"{host}\", port: {port}, "
                                  f"connection: {{ dbname: {dbname} }} }}")
                lines.append(f"      {shard}: {{{slots} nodes: [ {', '.join(places)} ] }}")
        return "\n".join(lines) + "\n"

    def map(self, keyspace, pool="", tcp_port=None):
        """A map of one keyspace, over sockets; or over TCP, at tcp_port when it is not 0."""
        at = {}
        for node in self.nodes:
            shards = self.shape[node.keyspace]
            copy = "abc".index(node.name[-1])
            number = shards[node.shard][0][copy]
            at[number] = (node.socket, node.port) if tcp_port is None else ("127.0.0.1", tcp_port or node.port)
        self.maps += 1
        path = self.folder / f"map-{self.maps}.yaml"
        path.write_text(self.text(at.get, "sslmode: disable", keyspace, pool), encoding="utf-8")
        return str(path)

    # --- what stands between ----------------------------------------------------------------------
    def start(self, command, answers):
        log = open(self.folder / f"child-{len(self.children)}.log", "w+", encoding="utf-8")
        child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.children.append(child)
        end = time.monotonic() + 15
        while not answers():
            if child.poll() is not None or time.monotonic() > end:
                log.seek(0)
                raise Failure(f"{command[-2]}: {log.read().strip()[-300:] or 'does not answer'}")
            time.sleep(0.03)

    def pgbouncer(self, node, mode, size):
        """A connection string that goes through a PgBouncer of its own."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pgbouncer-", dir=self.folder))
        os.chown(folder, server_user().pw_uid, server_user().pw_gid)
        port = free_port()
        config = folder / "pgbouncer.ini"
        config.write_text(f"""[databases]
* = host={node.socket} port={node.port} user={USER}
[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = {mode}
max_client_conn = 500
default_pool_size = {size}
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
""", encoding="utf-8")
        conninfo = (f"host={folder} port={port} user={USER} dbname={DBNAME} sslmode=disable gssencmode=disable")
        self.start(as_server_user([shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", str(config)]),
                   lambda: self.psql([conninfo], "SELECT 1", check=False) == "1")
        return conninfo

    def plproxy(self, keyspace):
        """A connection string of a database whose bench_get(id) reads from that keyspace's shards."""
        shards = self.primaries(keyspace)
        front = shards[0]
        parts = ", ".join(f"p{at} 'dbname={self.dbname_of(node)} host={node.socket} port={node.port}'"
                          for at, node in enumerate(shards))
        self.admin(front, f"CREATE DATABASE bench_proxy OWNER {USER}")
        self.admin(front, f"""
CREATE EXTENSION plproxy;
CREATE SERVER bench_shards FOREIGN DATA WRAPPER plproxy OPTIONS (connection_lifetime '3600', {parts});
CREATE USER MAPPING FOR public SERVER bench_shards OPTIONS (user '{USER}');
GRANT USAGE ON FOREIGN SERVER bench_shards TO {USER};
CREATE FUNCTION bench_get(i bigint) RETURNS text LANGUAGE plproxy AS $$
    CLUSTER 'bench_shards'; RUN ON hashint8(i); SELECT payload FROM bench_row WHERE id = i;
$$;
GRANT EXECUTE ON FUNCTION bench_get(bigint) TO {USER};
""", "bench_proxy")
        self.wait_for(front, "SELECT bench_get(7) LIKE 'row 7 %'", "t", "bench_proxy")
        return front.conninfo("bench_proxy")

    def relay(self, node, delay_us, prefix=()):
        """A port from which every byte takes delay_us to the node's server, and back."""
        port = free_port()
        conninfo = (f"host=127.0.0.1 port={port} user={USER} dbname={DBNAME} sslmode=disable gssencmode=disable")
        self.start([*prefix, "setpriv", "--pdeathsig", "TERM", self.programs.path("relay"), str(port),
                    node.socket_path(), str(delay_us)],
                   lambda: subprocess.run([*prefix, f"{bindir()}/psql", "-X", "-Atqc", "SELECT 1", conninfo],
                                          capture_output=True, text=True).stdout.strip() == "1")
        return port, conninfo
