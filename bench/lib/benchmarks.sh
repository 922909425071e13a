# The benchmarks themselves. Each sets `figures` and `parameters`, both JSON objects. Sourced by bench/run.

flow_figures() { # SAMPLE FIRST_SETTLE_MS
  jq -n --argjson s "$1" --argjson events "$events" --argjson first "$2" '
    def round3: . * 1000 | round / 1000;
    {events_per_s: ($events / $s.seconds | round),
     cpu_us_per_event: ($s.cpu_us / $events | . * 10 | round / 10),
     http_requests_per_event: ($s.http_requests / $events | round3),
     rss_mb: ($s.rss_kb / 1024 | . * 10 | round / 10),
     start_to_first_settle_ms: $first,
     seconds: $s.seconds, completed: $s.completed, dead_lettered: $s.dead_lettered}'
}

# The whole run of PROCESS over $events events that wait in the bus.
measure_flow() { # PROCESS
  "$bin/bench-watch" run --admin "$bus_admin" --http "$stub_port" --count "$events" --pid "$(pid_of "$1")" --timeout 600 ||
    { tail -n 5 "$data/logs/$1.log" >&2 && return 1; }
}

# One event waits in a new bus.
await_first_settle() {
  stop "$bus"
  start_bus
  "$bin/bench-material" events 1 | bus_post "/send?topic=message-completed"
}

# From the exec of COMMAND to the settlement of that event, in ms.
first_settle() { # COMMAND...
  "$bin/bench-watch" first-settle --admin "$bus_admin" --timeout 60 -- "$@" 2>"$data/logs/first-settle.log" | jq .ms
}

median() { # NUMBER...
  printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

# Spans that were taken by the receiver so far, and those that were dropped.
worker_spans() {
  curl -sS -f --max-time 10 "$worker/metrics" | awk '
    /^memory_worker_telemetry_sent_total/ { sent += $2 }
    /^memory_worker_telemetry_dropped_total/ { dropped += $2 }
    END { printf "{\"spans_sent\": %d, \"spans_dropped\": %d}", sent, dropped }'
}

bench_pipeline() {
  local options=(--dispatcher.quiet=0s "--dispatcher.max-jobs=$jobs") answer=answer sample first=() spans='{}'
  [ "$calls" = 1 ] || answer=invalid-answer
  ! $tls || make_certificate
  start_redis
  start_bus
  start_nginx "$answer"
  say "Loading $events conversations and events ..."
  load_conversations "$events"
  load_events "$events"
  start_worker "${options[@]}"
  say "Running ..."
  sample=$(measure_flow memory-worker)
  ! $trace || spans=$(worker_spans)
  stop memory-worker
  say "Starting the worker for one event, five times ..."
  for _ in 1 2 3 4 5; do
    await_first_settle
    compose_worker "${options[@]}"
    first+=("$(first_settle "${worker_command[@]}")")
  done
  figures=$(flow_figures "$sample" "$(median "${first[@]}")" | jq --argjson spans "$spans" '. + $spans')
  parameters=$(jq -n --argjson events "$events" --argjson jobs "$jobs" --argjson calls "$calls" --argjson writes "$writes" \
    --argjson trace "$trace" --argjson tls "$tls" --arg embed "$embed" \
    '{events: $events, jobs: $jobs, calls: $calls, writes: $writes}
      + if $trace then {trace: true} else {} end + if $tls then {tls: true} else {} end
      + if $embed != "" then {embed: ($embed == "embed" | if . then "base64" else "numbers" end)} else {} end')
}

bench_floor() {
  local options sample first=()
  start_redis
  start_bus
  start_nginx answer
  say "Loading $events conversations and events ..."
  load_conversations "$events"
  load_events "$events"
  options=(--redis "$redis_port" --http "$http_port" --jobs "$jobs" --calls "$calls" --writes "$writes")
  ! $with_work || options+=(--with-work)
  start floor "$bin/bench-floor" --bus "$bus_port" "${options[@]}"
  port_of floor >/dev/null
  say "Running ..."
  sample=$(measure_flow floor)
  stop floor
  for _ in 1 2 3 4 5; do
    await_first_settle
    first+=("$(first_settle "$bin/bench-floor" --bus "$bus_port" "${options[@]}")")
  done
  figures=$(flow_figures "$sample" "$(median "${first[@]}")")
  parameters=$(jq -n --argjson events "$events" --argjson jobs "$jobs" --argjson calls "$calls" \
    --argjson writes "$writes" --argjson with_work "$with_work" \
    '{events: $events, jobs: $jobs, calls: $calls, writes: $writes, with_work: $with_work}')
}

await_held() { # COUNT: until the bus has delivered so many, at most 120 s
  local deadline=$((SECONDS + 120))
  until [ "$(bus_total delivered)" -ge "$1" ]; do
    is_alive memory-worker || { died memory-worker || return 1; }
    [ $SECONDS -lt $deadline ] || { say "bench: the worker does not take $1 events" && return 1; }
    sleep 0.2
  done
}

bench_held() {
  local before after cpu renewed begin lock_s=60
  seconds=${seconds:-60}
  start_redis
  start_bus
  start_nginx answer
  load_events "$windows"
  start_worker --dispatcher.quiet=1h --dispatcher.max-age=12h --receiver.window-room=$((windows + windows / 5)) \
    --receiver.lock-duration=${lock_s}s
  sleep 2
  before=$(rss_kb "$worker_pid")
  say "Opening $windows windows ..."
  echo '{"delivering":true}' | bus_post /settings
  await_held "$windows"
  sleep 5
  after=$(rss_kb "$worker_pid")
  say "Waiting one lock duration, then measuring for $seconds s ..."
  sleep $lock_s
  cpu=$(cpu_us "$worker_pid")
  renewed=$(bus_total renewed)
  begin=$(date +%s%N)
  sleep "$seconds"
  figures=$(jq -n --argjson windows "$windows" --argjson before "$before" --argjson after "$after" \
    --argjson later "$(rss_kb "$worker_pid")" --argjson cpu $(($(cpu_us "$worker_pid") - cpu)) \
    --argjson renewed $(($(bus_total renewed) - renewed)) --argjson ns $(($(date +%s%N) - begin)) \
    --argjson lost "$(bus_total lockExpired)" --argjson settled "$(bus_total completed)" '
    ($ns / 1e9) as $s
    | {bytes_per_window: (($after - $before) * 1024 / $windows | round),
       bytes_per_window_later: (($later - $before) * 1024 / $windows | round),
       renewals_per_s: ($renewed / $s | round), cpu_percent: ($cpu / $s / 1e4 | . * 100 | round / 100),
       rss_mb: ($later / 1024 | . * 10 | round / 10), rss_mb_before: ($before / 1024 | . * 10 | round / 10),
       locks_expired: $lost, settled: $settled}')
  parameters=$(jq -n --argjson windows "$windows" --argjson seconds "$seconds" --argjson lock $lock_s \
    '{windows: $windows, seconds: $seconds, lock_duration_s: $lock}')
  [ "$(jq .settled <<<"$figures")" = 0 ] || { say "bench: windows were closed while they should be held" && return 1; }
  # Ending it well would give 50,000 deliveries back one by one; there is nothing to save.
  kill -KILL "$worker_pid"
  wait "$worker_pid" 2>/dev/null || true
}

bench_idle() {
  local cpu
  seconds=${seconds:-20}
  start_redis
  start_bus
  start_nginx answer
  start_worker
  sleep 5
  say "Measuring for $seconds s ..."
  cpu=$(cpu_of_threads_ns "$worker_pid")
  sleep "$seconds"
  figures=$(jq -n --argjson cpu $(($(cpu_of_threads_ns "$worker_pid") - cpu)) --argjson s "$seconds" \
    --argjson rss "$(rss_kb "$worker_pid")" '{cpu_percent: ($cpu / $s / 1e7 | . * 1000 | round / 1000), rss_mb: ($rss / 1024 | . * 10 | round / 10)}')
  parameters=$(jq -n --argjson seconds "$seconds" '{seconds: $seconds}')
}

bench_cosmos() {
  local users=$((events / 10))
  [ "$users" -gt 0 ] || users=1
  figures=$(nice -n 5 "$bin/bench-cosmos" "$users" | jq 'map_values(map_values(. * 100 | round / 100))')
  parameters=$(jq -n --argjson events "$((users * 10))" \
    '{events_per_case: $events, rounds_per_conversation: 10, dimensions: 3072,
      request_units: "a model of the stand-in (charge_of_read, charge_of_write), not what the service charges"}')
}

bench_build() {
  local begin=$EPOCHREALTIME cpu
  export CCACHE_DISABLE=1
  say "Building everything in $data/build ..."
  cpu=$({ times_of cmake -S "$root" -B "$data/build" -G Ninja -DCMAKE_BUILD_TYPE=Release && times_of cmake --build "$data/build"; }) ||
    { tail -n 30 "$data/logs/build.log" >&2 && return 1; }
  figures=$(jq -n --argjson from "$begin" --argjson to "$EPOCHREALTIME" --argjson cpu "$(awk '{ s += $1 } END { print s }' <<<"$cpu")" \
    '{seconds: ($to - $from | round), cpu_seconds: ($cpu | round)}')
  parameters=$(jq -n --arg compiler "$(c++ --version | head -n 1)" '{compiler: $compiler}')
}

# Runs COMMAND into the build log; prints its user and system seconds.
times_of() { # COMMAND...
  local TIMEFORMAT='%U %S'
  { time "$@" >>"$data/logs/build.log" 2>&1; } 2>&1 | awk '{ print $1 + $2 }'
  return "${PIPESTATUS[0]}"
}
