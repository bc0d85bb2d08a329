#!/bin/bash
# run.sh: the agencydb command, end to end: each subcommand against maps in a folder of its own, and
# a small cluster that it boots. AGENCYDB names the command. Prints a line per check; ends with 1 at
# the end when one failed.
set -u
: "${AGENCYDB:?set AGENCYDB to the path of the command}"
[[ -x $AGENCYDB ]] || { echo "$AGENCYDB is not there" >&2; exit 1; }
AGENCYDB=$(realpath "$AGENCYDB")
unset NO_COLOR TERM AGENCYDB_PASSWORD_FILE
export LC_ALL=C

# root's servers run as another user, who must get in
work=$(mktemp -d "${TMPDIR:-/tmp}/agdb-cli.XXXXXX") && chmod 755 "$work" && cd "$work" || exit 1
failures=0 checks=0
p=$((1200 + RANDOM % 700)) # the ports of this run: 10 from here

teardown() {
    local dir
    for dir in "$work"/c "$work"/c?; do
        [[ ! -e $dir ]] || "$AGENCYDB" down --dir "$dir" >/dev/null 2>&1
    done
    [[ -z ${listener:-} ]] || kill "$listener" 2>/dev/null
    cd / && rm -rf "$work"
}
trap teardown EXIT
trap 'exit 130' INT TERM HUP

# --- checks -------------------------------------------------------------------------------------
ok() {
    checks=$((checks + 1))
    echo "ok    $1"
}
not_ok() {
    checks=$((checks + 1)) failures=$((failures + 1))
    echo "FAIL  $1"
    shift
    (($# == 0)) || printf '      %s\n' "$@"
}
# run ARGS...: the command's exit code in $code, its output in the files out and err
run() {
    code=0
    "$AGENCYDB" "$@" >out 2>err </dev/null || code=$?
}
# is NAME CODE [PATTERN...]: the last run ended with CODE, and each pattern (extended regular
# expression) is found in what it printed
is() {
    local name=$1 expected=$2 pattern
    shift 2
    if [[ $code != "$expected" ]]; then
        not_ok "$name" "exit code $code, not $expected" "$(tail -n 5 out err)"
        return 1
    fi
    for pattern; do
        if ! grep -Eqe "$pattern" out err; then
            not_ok "$name" "no match for: $pattern" "$(tail -n 8 out err)"
            return 1
        fi
    done
    ok "$name"
}
same() { # NAME EXPECTED GOT
    if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "expected: $2" "got:      $3"; fi
}
holds() { # NAME CMD...
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then ok "$name"; else not_ok "$name" "failed: $*"; fi
}
json() { # EXPRESSION over the value `v` of the file out
    python3 -c 'import json,sys; v=json.load(open("out")); print(eval(sys.argv[1]))' "$1" 2>&1
}
is_json() { holds "$1" python3 -m json.tool out; }

# --- the command itself -------------------------------------------------------------------------
run --version
is "version is printed" 0 '^agencydb [0-9]+\.[0-9]+\.[0-9]+$'
run help
is "help lists the commands" 0 '^  check ' '^  up '
run
is "no command is an error" 2 'Usage: agencydb'
for command in check route show diff map init purge query exec migrate drift status clients doctor plan up down; do
    run $command --help
    is "$command has help" 0 "^Usage: agencydb $command " '^Options:' '^Examples:' '^Exit status:'
    cp out once
    run help $command
    holds "help $command is the same text" cmp out once
    run $command --jsno x
    is "$command refuses an unknown option" 2 "there is no option '--jsno'"
done
run help --json
is "help --json works" 0
same "help --json has every command" "$("$AGENCYDB" help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | grep -vx help | xargs)" \
    "$(json '" ".join(c["name"] for c in v["commands"] if " " not in c["name"])')"
run help --json show
same "help --json COMMAND has its options" True "$(json '{"json", "help"} <= {o["name"] for o in v["options"]}')"
run chekc
is "a misspelt command gets a suggestion" 2 "did you mean 'check'"
run show --jsno x
is "a misspelt option gets a suggestion" 2 "did you mean '--json'"
run route
is "a missing operand is an error" 2 'missing' 'Usage: agencydb route'
run show a b
is "an operand too many is an error" 2 "too many: 'b'"
run show --json=1 a
is "a value for a flag is an error" 2 "takes no value"
run up --dir
is "a missing value is an error" 2 "needs a value: DIR"
holds "no colour when it is not a terminal" sh -c '! grep -q "$(printf "\033")" err out'

# --- maps ---------------------------------------------------------------------------------------
cat >dev.yaml <<Y
agencydb: 1
epoch: 1
default_keyspace: core
defaults:
  connection: { user: agency_app, dbname: agency, password_file: secrets/password }
keyspaces:
  core:
    shards:
      east:
        slots: [0-2047]
        nodes: [ { name: east-1, port: ${p}1, host: 127.0.0.1 }, { name: east-2, port: ${p}2, host: 127.0.0.1 } ]
      west:
        slots: [2048-4095]
        nodes: [ { name: west-1, port: ${p}3, host: 127.0.0.1 } ]
  notes:
    shards:
      notes-1: { nodes: [ { name: n-1, port: ${p}3, host: 127.0.0.1, connection: { dbname: notes } } ] }
agencies:
  fema: { shard: east }
  nara: { writes: refuse }
Y
sed -e 's/epoch: 1/epoch: 2/' -e 's/west-1, port/west-1, zone: b, port/' dev.yaml >next.yaml
sed -e 's/\[0-2047\]/[0-2000]/' -e 's/\[2048-4095\]/[2001-4095]/' dev.yaml >moved.yaml
printf 'agencydb: 1\nepoch: x\nkeyspaces:\n  core:\n    shards:\n      a: { nodse: [] }\n' >broken.yaml

run check dev.yaml
is "check accepts a valid map" 0
same "check is silent about it" "" "$(cat out err)"
run check broken.yaml
is "check names file, line and column" 1 '^broken\.yaml:2:[0-9]+: error: ' '^broken\.yaml:6:[0-9]+: error: '
run check --json broken.yaml
is "check --json fails alike" 1
same "check --json lists the mistakes" True "$(json 'not v["ok"] and len(v["diagnostics"])>=2 and v["diagnostics"][0]["line"]==2')"
run check nowhere.yaml
is "check names a missing file" 1 'nowhere\.yaml'
run check --against dev.yaml next.yaml
is "check --against accepts a higher epoch" 0
run check --against next.yaml dev.yaml
is "check --against refuses a lower epoch" 1 'may not replace next\.yaml: .*epoch'
run check --against dev.yaml moved.yaml
is "check --against refuses other content at the same epoch" 1 'epoch'
run check --json --against next.yaml dev.yaml
same "check --json gives the reasons" True "$(json 'not v["ok"] and len(v["reasons"])>=1')"

run show dev.yaml
is "show prints the map" 0 'keyspaces:' 'east-1'
cp out shown.yaml
run check shown.yaml
is "what show prints is a valid map" 0
run diff dev.yaml shown.yaml
is "and the same map" 0
run show --json dev.yaml
is "show --json works" 0
is_json "show --json is JSON"
run diff dev.yaml next.yaml
is "diff finds a difference" 1 'epoch|west-1'
run diff --json dev.yaml next.yaml
is "diff --json does so" 1
is_json "diff --json is JSON"
run diff --json dev.yaml dev.yaml
is "diff --json of the same is empty" 0
same "an empty object" "{}" "$(json v)"
run diff dev.yaml broken.yaml
is "diff ends with 2 on trouble" 2

# --- route --------------------------------------------------------------------------------------
run route dev.yaml epa fema
is "route prints keys" 0 $'^epa\t[0-9a-f]{16}\t[0-9]+\t(east|west)\tslot$' $'^fema\t[0-9a-f]{16}\t[0-9]+\teast\tpin$'
if command -v xxhsum >/dev/null; then
    same "route's hash is XXH3" "$(printf epa | xxhsum -H3 - | grep -Eo '[0-9a-f]{16}' | head -n 1)" "$(head -n 1 out | cut -f 2)"
fi
same "route's slot is the hash modulo slots" $((16#$(head -n 1 out | cut -f 2 | cut -c 13-16) % 4096)) "$(head -n 1 out | cut -f 3)"
run route dev.yaml $'a\tb\\c\xff'
is "route escapes keys" 0 $'^a\\\\x09b\\\\x5cc\\\\xff\t'
cut -f 2 out >hash
run route --hex dev.yaml 6109625C63ff
is "route --hex reads hex digits" 0 $'^6109625c63ff\t'
same "and means the same key" "$(cat hash)" "$(cut -f 2 out)"
run route --hex dev.yaml 6g
is "route --hex refuses other letters" 1 'key 1'
run route --keyspace notes dev.yaml epa
is "route --keyspace works" 0 $'\tnotes-1\tslot$'
run route --keyspace none dev.yaml epa
is "route refuses an unknown keyspace" 1 'none'
run route --json dev.yaml fema nara
same "route --json prints a line per key" "pin True" "$(python3 -c '
import json
a,b=[json.loads(line) for line in open("out")]
print(a["by"], b["frozen"])' 2>&1)"
printf 'epa\n\nus/ca/dph' >keys
"$AGENCYDB" route --stdin dev.yaml <keys >out 2>err
code=$?
is "route --stdin refuses an empty key and goes on" 1 'line 2' '^epa' '^us/ca/dph'
run route --stdin dev.yaml epa
is "route takes keys from one place" 2
python3 -c '
for i in range(400000): print("agency/%d" % i)' >many
start=$(date +%s%N)
"$AGENCYDB" route --stdin dev.yaml <many >routed
rate=$((400000 * 1000 / (($(date +%s%N) - start) / 1000000)))
same "route --stdin answers every line" 400000 "$(wc -l <routed)"
if ((rate >= ${AGDB_CLI_ROUTE_RATE:-100000})); then ok "route --stdin: $rate keys/s"; else not_ok "route --stdin: only $rate keys/s"; fi
"$AGENCYDB" route --stdin dev.yaml <many 2>err | head -n 1 >/dev/null
same "a closed pipe ends route in silence" "" "$(cat err)"

# --- up: what it refuses ------------------------------------------------------------------------
sed "s/port: ${p}1, host: 127.0.0.1/port: ${p}1, host: db.example.gov, connection: { sslmode: verify-full, sslrootcert: ca.crt }/" dev.yaml >remote.yaml
run up --dir c remote.yaml
is "up refuses other machines" 1 "db\.example\.gov" 'loopback'
sed 's/password_file: secrets.password//; s/dbname: agency, /dbname: agency /' dev.yaml >nopass.yaml
run up --dir c nopass.yaml
is "up wants a password source" 1 'password_file' '--free-ports'
sed 's/password_file: secrets.password/password_env: AGDB_TEST_NO_SUCH/' dev.yaml >env.yaml
run up --dir c env.yaml
is "up names an unset variable" 1 'AGDB_TEST_NO_SUCH'
sed "s#port: ${p}1, host: 127.0.0.1#port: ${p}1, host: /run/elsewhere#" dev.yaml >socket.yaml
run up --dir c socket.yaml
is "up refuses foreign socket folders" 1 '/run/elsewhere' "inside $work/c"
sed "s/port: ${p}3, host: 127.0.0.1, connection/port: ${p}2, host: 127.0.0.1, connection/" dev.yaml >twice.yaml
run up --dir c twice.yaml
is "up refuses a server that is primary and replica" 1 'same order'
sed 's/password_file: secrets.password/passfile: pgpass/' dev.yaml >passfile.yaml
run up --dir c passfile.yaml
is "up cannot use a passfile" 1 'passfile' '--free-ports'
mkdir other && touch other/file
run up --dir other --free-ports dev.yaml
is "up refuses a folder that is not its own" 1 'not made by'
run down --dir other
is "down leaves it alone" 1 'not made by'
holds "and its file is there" test -e other/file
python3 -c '
import socket,sys,time
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(("127.0.0.1",int(sys.argv[1]))); s.listen()
open("listening","w").close(); time.sleep(60)' "${p}2" &
listener=$!
for _ in $(seq 100); do [[ -e listening ]] && break || sleep 0.05; done
run up --dir c dev.yaml
is "up names who has a port" 1 "${p}2 is in use by python3.* \(process $listener\)" '--free-ports'
kill "$listener" && wait "$listener" 2>/dev/null
listener=
holds "nothing was made" test ! -e c -a ! -e secrets
mkdir bin && for tool in initdb pg_basebackup; do ln -s /bin/true bin/$tool; done && ln -s /bin/false bin/postgres
run up --dir c --free-ports --bindir bin dev.yaml
is "up reports a failing server with its log" 1 'failed|cannot' '/log'
holds "and removes what it made" test ! -e c
run down --dir c
is "down of nothing is fine" 0 'no cluster'
run down
is "down wants a map or a folder" 2

# --- up -----------------------------------------------------------------------------------------
start=$(date +%s%N)
run up --free-ports --dir c dev.yaml
is "up boots the map" 0 'east-2 +replica' "Map:  $work/c/map.yaml" || { cat err; exit 1; }
took=$((($(date +%s%N) - start) / 1000000))
if ((took < 15000)); then ok "up took $took ms"; else not_ok "up took $took ms"; fi
run check c/map.yaml
is "the map that it wrote is valid" 0
run diff dev.yaml c/map.yaml
is "it differs in ports and password files only" 1
same "ports and password files" "" "$(grep -Ev 'port|password_file' out | grep -E 'slot|pin|user|dbname|zone')"
same "nodes.tsv has a line of nine fields per node" "4 9" "$(awk -F'\t' '{print NF}' c/nodes.tsv | sort | uniq -c | awk '{print $1, $2}')"
same "nodes that share host and port share a server" "$(awk -F'\t' '$3 == "west-1" {print $6, $8}' c/nodes.tsv)" "$(awk -F'\t' '$3 == "n-1" {print $6, $8}' c/nodes.tsv)"
same "secrets are private" "600 600" "$(stat -c %a c/password c/admin.pgpass | tr '\n' ' ' | sed 's/ $//')"
same "data folders are private" 700 "$(stat -c %a "$(awk -F'\t' 'NR == 1 {print $7}' c/nodes.tsv)")"
holds "no password in any argument list" sh -c "! ps ax -o args | grep -F \"\$(cat c/password)\" | grep -v grep"
holds "no password in a log" sh -c '! grep -rF "$(cat c/password)" c/nodes/*/log'
run up --free-ports --dir c dev.yaml
is "up again changes nothing" 0 'up already'
run up --json --free-ports --dir c dev.yaml
same "up --json tells the nodes" "True 4 primary" "$(json 'str(v["was_up"])+" "+str(len(v["nodes"]))+" "+v["nodes"][0]["role"]')"
run up --free-ports --dir c next.yaml
is "up of another map is refused" 1 'down --dir'

psql=$(pg_config --bindir 2>/dev/null)/psql
[[ -x $psql ]] || psql=$(ls -d /usr/lib/postgresql/*/bin/psql 2>/dev/null | sort -V | tail -n 1)
IFS=$'\t' read -r _ _ _ _ _ port _ pid socket < <(head -n 1 c/nodes.tsv)
admin() { PGPASSFILE=$work/c/admin.pgpass "$psql" -XAtq -U agencydb_admin -h "$socket" -p "$port" -d agency -c "$1"; }
for _ in $(seq 100); do [[ $(admin "select count(*) from pg_stat_replication where state = 'streaming'") == 1 ]] && break || sleep 0.1; done
same "the replica streams through a slot" "1 1" "$(admin "select count(*) from pg_stat_replication where state = 'streaming'") $(admin 'select count(*) from pg_replication_slots where active')"
same "passwords are SCRAM" 0 "$(admin "select count(*) from pg_authid where rolpassword not like 'SCRAM-SHA-256%'")"
holds "the superuser does not come in by TCP" sh -c "! PGPASSFILE=$work/c/admin.pgpass '$psql' -XAtq -U agencydb_admin -h 127.0.0.1 -p $port -d agency -c 'select 1'"
holds "a wrong password is refused" sh -c "! PGPASSWORD=wrong '$psql' -XAtq -U agency_app -h 127.0.0.1 -p $port -d agency -c 'select 1'"
same "the map's role owns its database" agency_app "$(PGPASSWORD=$(cat c/password) "$psql" -XAtq -U agency_app -h 127.0.0.1 -p "$port" -d agency -c 'select datdba::regrole from pg_database where datname = current_database()')"

# --- init ---------------------------------------------------------------------------------------
map=c/map.yaml
run init --dry-run $map
is "init --dry-run looks only" 0 'east +east-1 +would be stamped'
run query --key epa --timeout 3s $map 'SELECT 1'
is "an unstamped shard is refused" 1 'agencydb init'
for i in 1 2 3; do "$AGENCYDB" init $map >init$i.out 2>&1 & done
for job in $(jobs -p); do wait "$job" || not_ok "inits at the same time all succeed" "$(cat init?.out)"; done
run init $map
is "init stamps every shard, once" 0 'core +east +east-1 +already stamped' 'notes +notes-1 +n-1 +already stamped'
same "the stamp is there" "core|east|xxh3_64|4096" "$(admin 'select keyspace, shard, hash, slots from agencydb.identity')"
run init --json --keyspace core --shard west $map
same "init --json lists shards" "1 already stamped" "$(json 'str(len(v))+" "+v[0]["state"]')"
run init --shard none $map
is "init refuses an unknown shard" 1
sed -e 's/ "east":/ TMP:/; s/ "west":/ east:/; s/ TMP:/ west:/' -e 's/: "east"/: "west"/' $map >swapped.yaml
run init --timeout 3s swapped.yaml
is "init never overwrites another stamp" 1 "'east'" "'west'"
same "nothing was changed" "core|east|xxh3_64|4096" "$(admin 'select keyspace, shard, hash, slots from agencydb.identity')"
admin 'create role owner login superuser; create role reader login' && admin "alter role owner password 'owner-secret'"
printf 'owner-secret\n' >owner && chmod 600 owner
admin 'drop schema agencydb cascade' 2>/dev/null
run init --user owner --password-file owner --keyspace core --shard east $map
is "init runs as another role" 0 ' stamped'
same "which owns the table" owner "$(admin "select relowner::regrole from pg_class where oid = 'agencydb.identity'::regclass")"
same "and lets the map's user read it" t "$(admin "select has_table_privilege('agency_app', 'agencydb.identity', 'select')")"
run init --keyspace core --shard east $map
is "the map's own user sees that it is stamped" 0 'already stamped'

# --- purge --------------------------------------------------------------------------------------
admin "insert into agencydb.idempotency select 'epa', g::text, 1, now() - interval '25 hours' from generate_series(1, 10001) g"
admin "insert into agencydb.idempotency values ('epa', 'young', 1, now())"
sed 's/keep: 1d/keep: 2d/' $map >keeps.yaml
run purge --keyspace core --shard east keeps.yaml
is "purge keeps what the map says" 0 'core +east +0'
run purge --keyspace core $map
is "purge removes old keys" 0 'core +east +10001'
same "and leaves young ones" young "$(admin 'select key from agencydb.idempotency')"
run purge --json --keyspace core --shard east --keep 2d $map
same "purge --json tells how many" "1 0" "$(json 'str(len(v))+" "+str(v[0]["removed"])')"
run purge --keep 1h $map
is "purge keeps a day at least" 2 "'--keep' is 24h at least"

# --- query --------------------------------------------------------------------------------------
run query --key epa $map 'CREATE TABLE reading (agency text, day date, pm25 float8, note text)'
is "query runs a command" 0 'CREATE TABLE' 'node (east|west)-1 \(primary\), [0-9.]+ ms'
run query --key epa $map 'INSERT INTO reading VALUES ($1, $2, $3, $4), ($1, $2, -0.5, $5)' epa 2026-11-23 7.25 '\N' 'a "b", c'
is "query takes parameters" 0 'INSERT 0 2'
run query --key epa $map 'SELECT agency, day, pm25, note, true AS t, 5::int8 AS n FROM reading ORDER BY pm25'
is "query prints a table" 0 '^agency +day +pm25 +note' '^epa +2026-11-23 +-0\.5 +a "b", c' '7\.25 +NULL' '^\(2 rows\)'
run query --key epa --csv $map "SELECT agency, note, '' AS e FROM reading ORDER BY pm25"
same "query --csv prints CSV" $'agency,note,e\r\nepa,"a ""b"", c",""\r\nepa,,""\r' "$(cat out)"
run query --key epa --json $map 'SELECT agency, pm25, note, true AS t, 5::int8 AS n FROM reading ORDER BY pm25'
same "query --json prints values by type" "[['epa', -0.5, 'a \"b\", c', True, 5], ['epa', 7.25, None, True, 5]]" "$(json 'v["rows"]')"
run query --keyspace notes $map 'SELECT current_database()'
is "query needs no target in a keyspace of one shard" 0 notes
run query --shard east --access replica $map 'SELECT pg_is_in_recovery()'
is "query reads from a replica" 0 'node east-2 \(replica\)'
run query --shard east --access read $map 'CREATE TABLE x ()'
is "a write under read is refused" 1 'outcome: +rejected' 'SQLSTATE: +25006'
run query --key epa $map 'SELECT nonsense FROM reading'
is "query reports the server's error" 1 'SQLSTATE: +42703' 'outcome: +rejected'
run query --key epa --json $map 'SELECT nonsense FROM reading'
same "query --json reports it too" "42703 rejected" "$(json 'v["error"]["sqlstate"]+" "+v["error"]["outcome"]')"
run query $map 'SELECT 1'
is "query does not guess a shard" 1
run query --key nara $map 'CREATE TABLE y ()'
is "query does not write for a frozen agency" 1 'refuse' 'outcome: +not sent'
run query --key epa --timeout 1500ms $map 'SELECT pg_sleep(20)'
is "query keeps its deadline" 1 'unknown|rejected'
run query --key a --shard b $map 'SELECT 1'
is "query wants one target" 2
run query --key a --access wrong $map 'SELECT 1'
is "query refuses an unknown access" 2
run query --key a --timeout 5 $map 'SELECT 1'
is "query wants a unit" 2 '500ms'

# --- ends ---------------------------------------------------------------------------------------
kill -9 "$pid"
for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null && [[ -e /proc/$pid/cwd ]] || break; sleep 0.05; done
run up --free-ports --dir c dev.yaml
is "up notices a dead server" 1 'east-1' 'down --dir'
run up --free-ports --revive --dir c dev.yaml
is "up --revive starts it again" 0 'east-1 +primary'
run query --shard east --timeout 10s $map 'SELECT 1 AS back'
is "and it serves" 0 back
run down --keep --dir c
is "down --keep stops the servers" 0 'Stopped 3 of 3' kept
run up --free-ports --dir c dev.yaml
is "up starts them again" 0 'east-2 +replica'
run query --key epa --timeout 10s $map 'SELECT count(*) FROM reading'
is "with their rows" 0 '^ +2$'
kill -9 $(cut -f 8 c/nodes.tsv | sort -u)
run down --dir c
is "down works when all are dead" 0 removed
holds "its folder is gone" test ! -e c
for pause in 0.2 0.7 1.2; do
    "$AGENCYDB" up --free-ports --dir c1 dev.yaml >out 2>err </dev/null &
    job=$!
    sleep $pause
    kill -INT $job 2>/dev/null
    code=0
    wait $job || code=$?
    [[ $code == 0 ]] && "$AGENCYDB" down --dir c1 >/dev/null # it was faster
    holds "an interrupt after $pause s leaves nothing (code $code)" sh -c "[ ! -e c1 ] && ! pgrep -f '$work/c1/[n]odes'"
done
cat >odd.yaml <<Y
agencydb: 1
keyspaces:
  core:
    connection: { user: "o'dd \"r\$\$le", dbname: "d b", password_env: AGDB_TEST_ODD }
    shards:
      a: { slots: [0-2047], nodes: [ { host: 127.0.0.1, port: ${p}5 }, { host: 127.0.0.2, port: ${p}5 } ] }
      b: { slots: [2048-4095], nodes: [ { host: $work/c3/sock, port: ${p}6 } ] }
Y
export AGDB_TEST_ODD=$'p\'a\\ss" $1'
run up --free-ports --dir c3 odd.yaml
is "up quotes odd names and passwords" 0 '127\.0\.0\.2:[0-9]+ +replica' "$work/c3/sock:${p}6 +primary"
run init c3/map.yaml
is "init stamps such databases" 0 ' stamped'
run query --shard a c3/map.yaml 'SELECT current_user, current_database()'
is "a client gets in" 0 "^o'dd \"r\\\$le +d b"
run query --shard b c3/map.yaml 'SELECT inet_server_addr() IS NULL AS local'
is "also by a socket folder" 0 '^t$'
run down --dir c3
is "down removes them" 0 'Stopped 3 of 3'

run up --dir c2 dev.yaml
is "up boots on the map's own ports" 0 "Map:  $work/dev.yaml"
same "and makes the password file, private" 600 "$(stat -c %a secrets/password)"
run down --dir c2
is "down removes it" 0 removed
holds "but not the map's password file" test -s secrets/password

echo "$checks checks, $failures failed"
((failures == 0))
