# Children of the run script: each with its log under $data/logs, ended in reverse order of their start by the pid
# that was started. They live in sessions of their own, so that Ctrl-C reaches only the script, and get SIGTERM when
# the script dies however it dies. Sourced by deploy/local/run; needs $data.

names=()
pids=()

start() { # NAME COMMAND...
  local name=$1
  shift
  setsid setpriv --pdeathsig TERM "$@" >"$data/logs/$name.out" 2>"$data/logs/$name.log" </dev/null &
  names+=("$name")
  pids+=($!)
}

pid_of() { # NAME
  local i
  for i in "${!names[@]}"; do
    [ "${names[$i]}" != "$1" ] || { echo "${pids[$i]}" && return 0; }
  done
}

is_alive() { # NAME
  kill -0 "$(pid_of "$1")" 2>/dev/null
}

died() { # NAME: says so with the end of its log, and fails
  echo "run: $1 ended before it was ready:" >&2
  tail -n 5 "$data/logs/$1.log" "$data/logs/$1.out" >&2
  return 1
}

# Waits for COMMAND to succeed, at most SECONDS, as long as the process NAME lives.
wait_for() { # NAME SECONDS COMMAND...
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    is_alive "$name" || { died "$name" || return 1; }
    if [ $SECONDS -ge $deadline ]; then
      echo "run: $name is not ready in time; the end of its log:" >&2
      tail -n 5 "$data/logs/$name.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

has_port() { grep -q '"listening"' "$data/logs/$1.out"; }

# The port that a program of ours has printed: {"listening":PORT}
port_of() { # NAME
  wait_for "$1" 20 has_port "$1" || return 1
  jq -r 'select(.listening) | .listening' "$data/logs/$1.out" | head -n 1
}

# A port nobody listens on, below the range from which the system takes its own.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return 0; }
  done
}

stop() { # NAME: asks, waits up to 25 s (the worker's drain limit and more), then insists
  local pid deadline=$((SECONDS + 25))
  pid=$(pid_of "$1")
  [ -n "$pid" ] && kill -TERM "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.05
  done
  wait "$pid" 2>/dev/null || true
}

stop_all() {
  local i
  for ((i = ${#names[@]} - 1; i >= 0; i--)); do
    stop "${names[$i]}"
  done
  names=()
  pids=()
}
