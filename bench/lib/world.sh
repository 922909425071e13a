# The processes around the measured one: redis-server, nginx with static answers, the development bus; and how each
# is loaded. Sourced by bench/run; needs $data, $root, $bin, and processes.sh.

find_programs() {
  local program
  if [ -z "$bin" ]; then
    say "Building ..."
    "$root/deploy/local/compile" release >"$data/logs/build.log" 2>&1 || { tail -n 30 "$data/logs/build.log" >&2 && return 1; }
    bin=$root/build/release/bin
  fi
  for program in memory-worker memory-devstack bench-material bench-watch bench-floor bench-cosmos; do
    [ -x "$bin/$program" ] || { say "bench: $bin has no $program" && return 1; }
  done
  PATH=$PATH:/usr/sbin
  for program in redis-server redis-cli nginx jq curl; do
    command -v "$program" >/dev/null || { say "bench: $program is missing; deploy/local/setup installs it" && return 1; }
  done
}

commit_name() {
  local changed=''
  git -C "$root" diff --quiet HEAD -- protocol actors cmd bench cmake CMakeLists.txt 2>/dev/null || changed=' with changes'
  echo "$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)$changed"
}

machine() {
  local model
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  jq -n --argjson cores "$(nproc)" --arg cpu "${model:-$(uname -m)}" --arg kernel "$(uname -sr)" \
    --argjson memory_mb "$(awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)" \
    --argjson load_at_start "$load_at_start" \
    '{cores: $cores, cpu: $cpu, memory_mb: $memory_mb, kernel: $kernel, load_at_start: $load_at_start}'
}
load_at_start=$(cut -d ' ' -f 1 /proc/loadavg)

# One for all servers, and its own authority.
make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$data/key.pem" -out "$data/cert.pem" 2>"$data/logs/openssl.log"
}

start_redis() {
  local options=()
  redis_port=$(free_port)
  redis_worker_port=$redis_port
  if $tls; then
    redis_worker_port=$(free_port)
    options=(--tls-port "$redis_worker_port" --tls-cert-file "$data/cert.pem" --tls-key-file "$data/key.pem"
      --tls-ca-cert-file "$data/cert.pem" --tls-auth-clients no)
  fi
  start redis redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$data/redis" --save '' --appendonly no --daemonize no \
    "${options[@]}"
  wait_for redis 20 redis-cli -h 127.0.0.1 -p "$redis_port" PING
}

load_conversations() { # COUNT
  "$bin/bench-material" conversations "$1" | redis-cli -h 127.0.0.1 -p "$redis_port" --pipe >"$data/logs/redis-pipe.log" 2>&1
  [ "$(redis-cli -h 127.0.0.1 -p "$redis_port" DBSIZE)" = "$1" ] || { say "bench: redis took not all conversations" && return 1; }
}

# Each start is a new bus, with its counters at nothing; `bus` is its name among the children.
start_bus() {
  local options=()
  ! $tls || options=(--tls-cert "$data/cert.pem" --tls-key "$data/key.pem")
  bus=bus-$((++buses))
  start "$bus" "$bin/memory-devstack" bus --port 0 --admin-port 0 --lock-duration 60s "${options[@]}"
  bus_port=$(port_of "$bus")
  bus_admin=$(jq -r 'select(.admin) | .admin' "$data/logs/$bus.out" | head -n 1)
}
buses=0

bus_post() { # PATH, body on stdin
  curl -sS -f -o /dev/null --max-time 120 -X POST --data-binary @- "http://127.0.0.1:$bus_admin$1"
}

bus_total() { # NAME: of all entities
  curl -sS -f --max-time 10 "http://127.0.0.1:$bus_admin/status" | jq --arg n "$1" '[.entities[].totals[$n]] | add'
}

# Events wait in the bus, nothing is delivered yet.
load_events() { # COUNT
  echo '{"delivering":false}' | bus_post /settings
  local kind=events
  ! $trace || kind=traced-events
  "$bin/bench-material" $kind "$1" | bus_post "/send?topic=message-completed"
}

nginx_text() { # KIND: a body, quoted for nginx
  "$bin/bench-material" "$1" | sed -e 's/\\/\\\\/g' -e "s/'/\\\\'/g" -e "1s/^/'/" -e "\$s/\$/'/"
}

start_nginx() { # KIND of the LLM's answer
  local ssl=''
  ! $tls || ssl=" ssl; ssl_certificate $data/cert.pem; ssl_certificate_key $data/key.pem"
  http_port=$(free_port)
  stub_port=$(free_port)
  # Too long for a text in nginx's configuration; a file refuses POST, hence the 405.
  [ -z "$embed" ] || "$bin/bench-material" "${embed/embed/embedding}" >"$data/embedding.json"
  cat >"$data/nginx.conf" <<TEXT
daemon off;
master_process off;
error_log stderr warn;
pid $data/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path $data/nginx-body;
  proxy_temp_path $data/nginx-proxy;
  fastcgi_temp_path $data/nginx-fastcgi;
  uwsgi_temp_path $data/nginx-uwsgi;
  scgi_temp_path $data/nginx-scgi;
  server {
    listen 127.0.0.1:$http_port backlog=1024$ssl;
    location = /v1/chat/completions { return 200 $(nginx_text "$1"); }
    location = /v1/embeddings { error_page 405 =200 /embedding.json; }
    location = /embedding.json { alias $data/embedding.json; }
    location = /internal/context { return 200 $(nginx_text context); }
    location ~ ^/dbs/[^/]+/colls/[^/]+\$ { return 200 '{"id":"c","partitionKey":{"paths":["/userId"],"kind":"Hash"}}'; }
    location /dbs/ {
      add_header etag '"1"' always;
      if (\$request_method = GET) { return 404 '{"code":"NotFound"}'; }
      return 201 '{}';
    }
    location = /v1/traces { return 200 '{}'; }
    location = /internal/commit { return 200 $(nginx_text reply); }
  }
  server {
    listen 127.0.0.1:$stub_port;
    location = / { stub_status; }
  }
}
TEXT
  start nginx nginx -p "$data" -e stderr -c "$data/nginx.conf"
  wait_for nginx 20 curl -sS -f --max-time 2 "http://127.0.0.1:$stub_port/"
}

# Sets `worker_command`. Only what is given here configures the worker. Traces: a queue that holds what a burst makes,
# so that the figure is of spans that were sent.
compose_worker() { # OPTION...
  local more=() bus_end=';UseDevelopmentEmulator=true;' scheme=http host=127.0.0.1
  if $tls; then
    bus_end=';' scheme=https host=localhost
    more+=(REDIS_USERNAME=default REDIS_PASSWORD=bench) # TLS without a password would mean Entra
    set -- "$@" --receiver.ca-file="$data/cert.pem" --session_loader.ca-file="$data/cert.pem" --process.ca-file="$data/cert.pem"
  fi
  ! $trace || more+=(OTEL_EXPORTER_OTLP_ENDPOINT="$scheme://$host:$http_port" OTEL_BSP_MAX_QUEUE_SIZE=200000 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=1024)
  if [ "$writes" = 2 ]; then
    more+=(COSMOS_ENDPOINT="$scheme://$host:$http_port/" COSMOS_KEY=YmVuY2g=)
  else
    more+=(MEMORY_API_ENDPOINT="$scheme://$host:$http_port")
  fi
  [ -z "$embed" ] || more+=(AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME=text-embedding-3-large)
  worker_command=(env -i PATH="$PATH" HOME="$data/worker"
    SERVICEBUS_CONNECTION_STRING="Endpoint=sb://localhost:$bus_port;SharedAccessKeyName=dev;SharedAccessKey=dev$bus_end"
    REDIS_HOST=$host REDIS_PORT="$redis_worker_port" REDIS_SSL=$tls
    AZURE_AI_CHAT_ENDPOINT="$scheme://$host:$http_port/v1" AZURE_AI_CHAT_KEY=bench "${more[@]}"
    sh -c 'cd "$1" && shift && exec "$@"' sh "$data/worker"
    "$bin/memory-worker" run --admin.port=0 --supervisor.drain-limit=1s "$@")
}

start_worker() { # OPTION...
  compose_worker "$@"
  start memory-worker "${worker_command[@]}"
  worker=http://127.0.0.1:$(port_of memory-worker)
  wait_for memory-worker 20 curl -sS -f --max-time 2 "$worker/health/ready"
  worker_pid=$(pid_of memory-worker)
}

# CPU time of a process so far, user and system, in microseconds.
cpu_us() { # PID
  awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); print int(($12 + $13) * 1000000 / hz) }' "/proc/$1/stat"
}

# The same finer than the clock tick, of the threads that live now: for a process that does next to nothing.
cpu_of_threads_ns() { # PID
  cat "/proc/$1"/task/*/schedstat | awk '{ns += $1} END {printf "%d\n", ns}'
}

rss_kb() { # PID
  awk '/^VmRSS:/ {print $2}' "/proc/$1/status"
}
