# Builds and runs the container images without a Docker engine; sourced by run. `work` is a folder of its own.
# shellcheck shell=bash

# The suites of this machine's own Debian list, one "URI SUITE COMPONENT" a line.
debian_suites() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 ~ /^bookworm(-updates|-security)?$/' | sort -u
}

# A Debian 12 root from the machine's own mirror, in place of the debian:bookworm-slim that a registry would give.
make_base() {
  local mirror base=$work/base
  mirror=$(debian_suites | awk '$2 == "bookworm" { print $1; exit }')
  [ -n "$mirror" ] || { echo "no Debian 12 in this machine's package lists" && return 1; }
  debootstrap --variant=minbase bookworm "$base" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 5 "$work/debootstrap.log" && return 1; }
  debian_suites | sed 's/^/deb /' >"$base/etc/apt/sources.list"
  rm -rf "${base:?}"/var/cache/apt/archives/*.deb "${base:?}"/var/lib/apt/lists/*
}

storage() { # ARGUMENT...
  buildah --root "$work/storage" --runroot "$work/runroot" --storage-driver "$driver" "$@"
}

image_from_folder() { # FOLDER NAME
  local container
  container=$(storage from scratch) || return 1
  storage add -q "$container" "$1" / >/dev/null && storage commit -q "$container" "$2" >/dev/null && storage rm "$container" >/dev/null
}

# Picks the storage driver: overlay where the kernel lets us, else whole copies.
import_base() {
  for driver in overlay vfs; do
    if image_from_folder "$work/base" docker.io/library/debian:bookworm-slim 2>"$work/import.log"; then
      rm -rf "$work/base"
      return 0
    fi
  done
  cat "$work/import.log"
  return 1
}

# The Dockerfile's own steps. Extra arguments as --target; with `binaries` set, the stage that compiles is replaced by
# an image that holds those programs.
build_image() { # NAME [ARGUMENT...]
  local name=$1 more=()
  shift
  if [ -n "$binaries" ]; then
    more=(--build-context build=docker-image://localhost/built)
  else
    local cache=${CCACHE_DIR:-$HOME/.cache/ccache}
    mkdir -p "$cache"
    more=(--volume "$cache:$(getent passwd 0 | cut -d: -f6)/.cache/ccache")
  fi
  storage bud --pull-never --isolation chroot --network host --format docker --layers "${more[@]}" "$@" \
    -t "$name" "$root" >"$work/build-$name.log" 2>&1 || { tail -n 20 "$work/build-$name.log" && return 1; }
}

import_binaries() {
  mkdir -p "$work/built/out/data"
  install -s -t "$work/built/out" "$binaries/memory-worker" "$binaries/memory-api"
  image_from_folder "$work/built" localhost/built
}

# Sets, of an image: image_root (a mounted container of it), image_config (what docker inspect calls Config).
open_image() { # NAME
  local container
  container=$(storage from --pull-never "localhost/$1") || return 1
  image_root=$(storage mount "$container") || return 1
  image_config=$(storage inspect --type image "localhost/$1" | jq -c .Docker.config)
}

# Starts an image as `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` would, in namespaces of
# its own but the test's network; without any shell in it. Sets container_pid, the process 1 of the container.
start_container() { # NAME LABEL VARIABLE=VALUE...
  local name=$1 label=$2 words given=()
  shift 2
  open_image "$name" || return 1
  mapfile -t given < <(jq -r '.Env[]?' <<<"$image_config")
  mapfile -t words < <(jq -r '((.Entrypoint // []) + (.Cmd // []))[]' <<<"$image_config")
  ip netns exec "$netns" setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child bash "$here/enter" "$image_root" "$(field User)" \
    "$(field WorkingDir)" "${given[@]}" "$@" -- "${words[@]}" >"$work/$label.out" 2>"$work/$label.log" </dev/null &
  launcher[$label]=$!
  local tries
  for tries in {1..100}; do
    container_pid=$(ps -o pid= --ppid "${launcher[$label]}" | tr -d ' ')
    [ -z "$container_pid" ] || [ "$(cat "/proc/$container_pid/comm" 2>/dev/null)" != "$name" ] || return 0
    kill -0 "${launcher[$label]}" 2>/dev/null || break
    sleep 0.1
  done
  echo "$name did not start (try $tries): $(cat "$work/$label.log")"
  return 1
}

field() { # NAME: of image_config
  jq -r --arg name "$1" '.[$name] // ""' <<<"$image_config"
}

# Sends the image's stop signal and prints the exit code.
stop_container() { # LABEL
  local pid
  pid=$(ps -o pid= --ppid "${launcher[$1]}" | tr -d ' ')
  kill -s "$(field StopSignal)" "$pid"
  wait "${launcher[$1]}"
}
