# openbao.sh BAO PORT CLUSTER_PORT: runs a new server until the input ends. The lines of the input are
# commands: `kill` and `restart`.
bao=$1 port=$2 cluster_port=$3
data=$(mktemp -d)
mkdir "$data/storage"
cat >"$data/server.hcl" <<CONFIGURATION
api_addr = "http://127.0.0.1:$port"
cluster_addr = "http://127.0.0.1:$cluster_port"
listener "tcp" {
  address = "127.0.0.1:$port"
  cluster_address = "127.0.0.1:$cluster_port"
  tls_disable = true
}
storage "raft" {
  path = "$data/storage"
  node_id = "node"
  performance_multiplier = 1
}
audit "file" "requests" {
  options {
    file_path = "$data/audit"
  }
}
CONFIGURATION

start() {
    "$bao" server -config "$data/server.hcl" >>"$data/log" 2>&1 </dev/null &
    server=$!
}

stop() {
    # Not twice: the ID may be that of another process then.
    [ -n "$server" ] || return 0
    kill -KILL "$server" 2>/dev/null
    # The shell would report the signal.
    wait "$server" 2>/dev/null
    server=
}

start
echo "$data"
while read -r command; do
    stop
    case $command in
    restart) start ;;
    esac
    : >"$data/done"
done
stop
rm -rf "$data"
