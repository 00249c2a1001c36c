# postgres.sh BIN PORT plain|tls [SETTING...]: runs a new cluster until the input ends. The lines of the input
# are commands: `kill` and `restart`.
bin=$1 port=$2 mode=$3
shift 3
data=$(mktemp -d)
as_owner=
if [ "$(id -u)" = 0 ]; then
    chown postgres "$data"
    as_owner='setpriv --reuid=postgres --regid=postgres --init-groups'
fi

start() {
    # shellcheck disable=SC2086
    $as_owner "$bin/postgres" -D "$data/cluster" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories="$data" -c max_connections=200 -c log_min_messages=fatal \
        $settings >"$data/log" 2>&1 &
    server=$!
    while ! "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do
        kill -0 "$server" 2>/dev/null || {
            server=
            return 1
        }
        sleep 0.05
    done
}

stop() {
    # Not twice: the ID may be that of another process then.
    [ -n "$server" ] || return 0
    if [ "$1" = KILL ]; then
        # The whole group of processes, so that none finishes its work, and none is started meanwhile.
        kill -STOP "$server" 2>/dev/null
        pkill -KILL -P "$server"
    fi
    kill "-$1" "$server" 2>/dev/null
    # The shell would report the signal.
    wait "$server" 2>/dev/null
    server=
}

settings=
for setting; do settings="$settings -c $setting"; done
if [ "$mode" = tls ]; then
    cat >"$data/openssl.cnf" <<'CONFIGURATION'
[req]
distinguished_name = name
x509_extensions = extensions
[name]
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
CONFIGURATION
    $as_owner openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 \
        -subj /CN=localhost -config "$data/openssl.cnf" -keyout "$data/key.pem" -out "$data/certificate.pem" 2>/dev/null
    settings="$settings -c ssl=on -c ssl_cert_file=$data/certificate.pem"
    settings="$settings -c ssl_key_file=$data/key.pem"
fi
# shellcheck disable=SC2086
$as_owner "$bin/initdb" -D "$data/cluster" -A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8 \
    >"$data/initdb.log" 2>&1 && start || {
    cat "$data"/*log >&2
    rm -rf "$data"
    exit 1
}
echo "$data"
while read -r command; do
    case $command in
    kill) stop KILL ;;
    restart)
        stop INT
        start || {
            cat "$data/log" >&2
            break
        }
        ;;
    esac
    : >"$data/done"
done
stop QUIT
rm -rf "$data"
