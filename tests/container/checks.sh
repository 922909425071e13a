# What the images must do; sourced by run.
# shellcheck shell=bash

in_net() { ip netns exec "$netns" "$@"; }

ask() { # PATH [PORT]: of the worker's admin port, or another
  in_net curl -sS --max-time 5 "http://127.0.0.1:${2:-9464}$1"
}

await() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "not within time: $*" && return 1; }
    sleep 0.2
  done
}

# A program beside the containers, in their network.
helper() { # NAME COMMAND...
  local name=$1
  shift
  in_net setpriv --pdeathsig KILL "$@" >"$work/$name.out" 2>"$work/$name.log" </dev/null &
  helpers+=($!)
  disown
}

finds_every_library() { # IMAGE PROGRAM
  open_image "$1" || return 1
  local said
  said=$(chroot "$image_root" ldd "/usr/local/bin/$2") || return 1
  ! grep 'not found' <<<"$said"
}

packages_are_what_the_programs_need() {
  local programs
  open_image memory-worker || return 1
  programs=$work/programs
  mkdir -p "$programs"
  cp "$image_root/usr/local/bin/memory-worker" "$programs"
  open_image memory-api || return 1
  cp "$image_root/usr/local/bin/memory-api" "$programs"
  diff <("$root/deploy/local/setup" runtime --list | grep -vx ca-certificates | sort) \
    <("$root/deploy/local/runtime-packages" "$programs/memory-worker" "$programs/memory-api")
}

says_how_to_run() {
  open_image memory-worker || return 1
  [ "$(field User)" = 10001:10001 ] && [ "$(field StopSignal)" = SIGTERM ] &&
    [ "$(jq -c .Entrypoint <<<"$image_config")" = '["memory-worker"]' ] && [ "$(jq -c .Cmd <<<"$image_config")" = '["run"]' ] &&
    [ "$(jq -c '.ExposedPorts | keys' <<<"$image_config")" = '["9464/tcp"]' ] &&
    [ "$(jq -c .Healthcheck.Test <<<"$image_config")" = '["CMD","memory-worker","health"]' ]
}

holds_no_tools_of_the_build() {
  open_image memory-worker || return 1
  local name
  for name in usr/bin/g++ usr/bin/cmake usr/bin/ninja src out; do
    [ ! -e "$image_root/$name" ] || { echo "the image holds /$name" && return 1; }
  done
}

report_sizes() {
  local base mine
  base=$(storage inspect --type image docker.io/library/debian:bookworm-slim | jq '.OCIv1.rootfs.diff_ids | length')
  open_image memory-worker
  mine=$(du -sm "$image_root" | cut -f1)
  echo "   the image unpacked: $mine MB; its layers on top of the base's $base, compressed:"
  storage push -q localhost/memory-worker "oci:$work/oci" >/dev/null 2>&1
  jq -r --argjson base "$base" '.layers[$base:][] | "   \(.size / 1048576 * 10 | round / 10) MB"' \
    "$work/oci/blobs/sha256/$(jq -r '.manifests[0].digest' "$work/oci/index.json" | cut -d: -f2)"
}

# The worker with the four variables alone. Nothing answers under these names: it must live, say what it misses, and
# end cleanly.
four_variables() {
  start_container memory-worker four \
    SERVICEBUS_FULLY_QUALIFIED_NAMESPACE=chat.servicebus.windows.net \
    AZURE_AI_CHAT_ENDPOINT=https://chat.openai.azure.com/openai/deployments/gpt-4 \
    REDIS_HOST=chat.redis.azure.net MEMORY_API_ENDPOINT=http://memory-api:8003 || return 1
  await 20 ask /health/live || { cat "$work/four.log" && return 1; }
}

runs_without_privileges() {
  local status=/proc/$container_pid/status
  grep -q '^Uid:[[:space:]]10001[[:space:]]10001[[:space:]]10001' "$status" && grep -q '^NoNewPrivs:[[:space:]]1' "$status" &&
    grep -q '^CapEff:[[:space:]]0*$' "$status" && grep -Eq '^[^ ]+ / [^ ]+ ro' "/proc/$container_pid/mounts"
}

health_says() { # EXIT-CODE: of the image's health check, run in the container as Docker does
  local words code
  mapfile -t words < <(jq -r '.Healthcheck.Test[1:][]' <<<"$image_config")
  nsenter --target "$container_pid" --mount --pid --net --root --wd setpriv --reuid 10001 --regid 10001 --clear-groups \
    /usr/bin/env -i $(jq -r '.Env[]?' <<<"$image_config") "${words[@]}"
  code=$?
  [ "$code" -eq "$1" ] || { echo "the health check ended with $code" && return 1; }
}

is_not_ready() {
  local said
  said=$(ask /health/ready) && [ "$(in_net curl -s -o "$work/not-ready" -w '%{http_code}' http://127.0.0.1:9464/health/ready)" = 503 ] &&
    echo "   $said"
}

stops_cleanly() { # LABEL
  stop_container "$1"
  local code=$?
  unset "launcher[$1]"
  [ "$code" -eq 0 ] || { echo "exit code $code: $(tail -n 5 "$work/$1.log")" && return 1; }
}

# Redis, bus and LLM stand-in beside the two containers.
starts_everything() {
  local bin=${binaries:-$root/build/release/bin} data=$work/data
  install -d -o 10001 -g 10001 "$data"
  helper redis redis-server --bind 127.0.0.1 --port 6379 --dir "$work" --save '' --appendonly no
  helper bus "$bin/memory-devstack" bus --port 5672 --admin-port 5680
  helper llm "$bin/memory-devstack" llm --port 8080 --api-key stand-in
  await 20 in_net redis-cli ping && await 20 ask /status 5680 && await 20 grep -q listening "$work/llm.out" || return 1
  DATA=$data start_container memory-api api && await 20 ask /health 8003 || return 1
  api_pid=$container_pid
  start_container memory-worker worker \
    SERVICEBUS_CONNECTION_STRING="Endpoint=sb://localhost:5672;SharedAccessKeyName=dev;SharedAccessKey=dev;UseDevelopmentEmulator=true;" \
    REDIS_HOST=127.0.0.1 REDIS_PORT=6379 REDIS_SSL=false \
    AZURE_AI_CHAT_ENDPOINT=http://127.0.0.1:8080/v1 AZURE_AI_CHAT_KEY=stand-in MEMORY_API_ENDPOINT=http://127.0.0.1:8003 || return 1
  await 20 in_net curl -sSf --max-time 5 http://127.0.0.1:9464/health/ready || { ask /health/ready && return 1; }
}

publishes() {
  local bin=${binaries:-$root/build/release/bin}
  in_net "$bin/memory-devstack" publish --redis 127.0.0.1:6379 --bus-connection-string \
    'Endpoint=sb://localhost:5672;SharedAccessKeyName=dev;SharedAccessKey=dev;UseDevelopmentEmulator=true;' \
    "$root"/deploy/local/conversations/maya-marathon.json >"$work/published"
}

is_held() { [ "$(ask /status 5680 | jq '[.entities[].locked] | add')" -gt 0 ]; }

# Windows wait a minute by default, so at SIGTERM the conversation is held: it must be stored, or given back
# to the bus, not left under a lock.
loses_nothing_at_its_end() {
  local user session totals
  publishes && await 20 is_held && stops_cleanly worker || return 1
  user=$(jq -r .userId "$work/published") session=$(jq -r .sessionId "$work/published")
  totals=$(ask /status 5680 | jq -c '{active: [.entities[].active] | add, locked: [.entities[].locked] | add,
    dead: [.entities[].totals.deadLettered] | add}')
  echo "   left on the bus: $totals"
  jq -e '.dead == 0 and .locked == 0 and .active > 0' <<<"$totals" >/dev/null ||
    ask "/api/memory/users/$user/conversations/$session" 8003 | jq -e '.summary | length > 0' >/dev/null
}

run_checks() {
  check 'the programs of the image find every library' finds_every_library memory-worker memory-worker
  check '... and so does the Memory API' finds_every_library memory-api memory-api
  check 'the runtime packages are exactly what the programs need' packages_are_what_the_programs_need
  check 'user, command, port, stop signal and health check are set' says_how_to_run
  check 'nothing of the build is left in the image' holds_no_tools_of_the_build
  report_sizes
  check 'the worker lives with the four variables of the docker run' four_variables
  check '... without privileges, on a read-only root' runs_without_privileges
  check '... its health check passes' health_says 0
  check '... it is not ready and says why' is_not_ready
  check '... SIGTERM ends it cleanly' stops_cleanly four
  check 'both containers run beside Redis, bus and LLM' starts_everything
  check 'SIGTERM ends it cleanly and loses nothing of what it holds' loses_nothing_at_its_end
  container_pid=$api_pid
  check 'the Memory API runs without privileges on a read-only root' runs_without_privileges
  open_image memory-api
  check '... and SIGTERM ends it cleanly' stops_cleanly api
}
