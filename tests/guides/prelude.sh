# What guides use without showing it.
export PGHOST=127.0.0.1 PGUSER=postgres
mkdir -m 755 live run log migrations

# A server: NAME PORT
server() {
    initdb -D "db/$1" -U postgres -A trust --no-sync -E UTF8 --locale=C >"log/$1" &&
        cat >>"db/$1/postgresql.conf" <<'END' &&
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
wal_log_hints = on
wal_keep_size = 128MB
max_connections = 50
shared_buffers = 16MB
END
        start "$1" "$2" &&
        psql -qX -p "$2" -c "CREATE ROLE agency_app LOGIN; CREATE ROLE replicator LOGIN REPLICATION" \
            -c "GRANT pg_monitor TO agency_app" -c "CREATE DATABASE agency OWNER agency_app"
}

# NAME PORT: starts the server in its folder.
start() {
    pg_ctl -s -D "db/$1" -w -l "db/$1.log" -o "-p $2 -c cluster_name=$1" start
}

# NAME PORT OF_PORT: a new replica.
replica() {
    pg_basebackup -D "db/$1" -R -c fast -d "port=$3 user=replicator" &&
        start "$1" "$2"
}

# FILE...: the servers own them.
give() {
    [ "$EUID" != 0 ] || chown postgres: "$@"
}

# A service that follows MAP: NAME MAP KEY...
service() {
    "$SERVICE" "$2" "run/$1.sock" "$1" "${@:3}" >"log/$1.out" 2>"log/$1.err" &
    eval "${1//-/_}_pid=$!"
    until [ -s "log/$1.out" ]; do
        kill -0 $! || return 1
        sleep 0.05
    done
}

# Ends the services, which say how many of their calls have failed.
end_services() {
    local name
    for name in "$@"; do
        eval "kill \$${name//-/_}_pid; wait \$${name//-/_}_pid" || cat "log/$name.err"
        tail -n 1 "log/$name.out"
    done
}

# PORT SQL: what it gives.
sql() {
    psql -qXAt -p "$1" -U agency_app -d agency -c "$2"
}

# SERVICE PORT SQL: a session of the service that runs this, and stays.
session() {
    { echo "$3;" && exec sleep 100; } | PGAPPNAME=$1 psql -qX -p "$2" -U agency_app -d agency >>log/sessions 2>&1 &
}

# SERVICE PORT CONDITION: a session of it that is so, by pg_stat_activity.
is_seen() {
    [ "$(sql "$2" "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = '$1' AND $3")" = t ]
}

# Until a command succeeds.
eventually() {
    local i
    for i in {1..200}; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "never: $*"
    return 1
}
