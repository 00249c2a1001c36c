# envoy.sh ENVOY CONFIGURATION LOG: runs the proxy until the input ends.
"$1" --config-path "$2" --disable-hot-restart --concurrency 1 --log-level error >"$3" 2>&1 </dev/null &
proxy=$!
while read -r _; do :; done
kill -KILL "$proxy" 2>/dev/null
# The shell would report the signal.
wait "$proxy" 2>/dev/null
