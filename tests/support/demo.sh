#!/usr/bin/env bash
# demo.sh BIN: shows on real input what covey does, with a daemon of its own that is gone at the end, however it ends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
BIN=$(cd "$1" && pwd)
covey() { "$BIN/covey" "$@"; }

folder=$(mktemp -d -t covey-demo.XXXXXX)
export COVEY_ADDRESS=unix:$folder/socket
daemon=

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[[ -t 1 ]] || say() { printf '\n== %s\n' "$*"; }

fail() {
  printf '\ndemo: %s\n' "$*" >&2
  [[ -z $daemon ]] || sed 's/^/  coveyd: /' "$folder/log" | tail -n 20 >&2
  exit 1
}

# Ends the daemon as an administrator does; whatever the demo started ends with it.
stop_daemon() {
  local pid=$daemon status=0
  [[ -n $pid ]] || return 0
  daemon=
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" || status=$?
  return "$status"
}

clean_up() {
  trap '' INT TERM # once is enough
  stop_daemon || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }

# seconds MS: as in 1.234.
seconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

# processes GROUP: how many live processes were started for a group, by the process table.
processes() {
  local environment count=0
  for environment in /proc/[0-9]*/environ; do
    if { tr '\0' '\n' <"$environment" | grep -qxF "COVEY_GROUP=$1"; } 2>/dev/null; then count=$((count + 1)); fi
  done
  printf '%d' "$count"
}

start_daemon() {
  say "a daemon, on a folder of its own"
  # In its own session: Ctrl-C is for the demo, which then ends the daemon.
  setsid "$BIN/coveyd" --listen "$COVEY_ADDRESS" --data-dir "$folder/data" --drain-timeout 1s 2>"$folder/log" </dev/null &
  daemon=$!
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    kill -0 "$daemon" 2>/dev/null || { wait "$daemon" || fail "coveyd did not start (exit $?)"; }
    if covey info >"$folder/info" 2>/dev/null; then
      cat "$folder/info"
      return 0
    fi
    sleep 0.05
  done
  fail "coveyd does not answer"
}

# One task for each file: a line of JSON. A name that a task may not have is left out.
hash_tasks() {
  local file escaped name
  local ordinary='^[A-Za-z0-9][A-Za-z0-9._/:@+ -]{0,126}[A-Za-z0-9._-]$'
  while IFS= read -r -d '' file; do
    escaped=${file//\\/\\\\}
    escaped=${escaped//\"/\\\"}
    name=tree/${file#./}
    if [[ $name =~ $ordinary ]]; then name="\"name\":\"$name\","; else name=; fi
    printf '{%s"process":{"argv":["sha256sum","--","%s"],"workingDir":"%s"}}\n' "$name" "$escaped" "$PWD"
  done
}

# files: those of the source tree, each followed by a NUL.
files() {
  find . \( -path ./build -o -path ./.git -o -path ./.cache \) -prune -o -type f ! -name '*[[:cntrl:]]*' -print0 | sort -z
}

hash_tree() {
  say "one process a file: hash the source tree"
  files >"$folder/files"
  hash_tasks <"$folder/files" >"$folder/tasks"
  local count start
  count=$(wc -l <"$folder/tasks")
  printf '$ covey run --detach -f tasks.jsonl      # %d lines such as\n' "$count"
  head -n 1 "$folder/tasks"
  start=$(now_ms)
  HASHES=$(covey run --detach --name hashes -f "$folder/tasks")
  printf '%s\n$ covey wait %s\n' "$HASHES" "$HASHES"
  covey wait "$HASHES"
  local took=$(($(now_ms) - start))
  covey logs "$HASHES" >"$folder/logs"
  # "name | hash  file", or without a name when there is one task.
  sed -E 's/^[^|]* \| //' "$folder/logs" | sort >"$folder/by-covey"
  xargs -0 sha256sum -- <"$folder/files" | sort >"$folder/by-sha256sum"
  head -n 3 "$folder/logs"
  printf '…\n'
  cmp "$folder/by-covey" "$folder/by-sha256sum" || fail "the hashes differ"
  printf '%d files in %s s, and every hash is what a plain sha256sum says\n' "$count" "$(seconds "$took")"
}

fail_together() {
  say "together: one failure takes the others down"
  local count=8 index start running status=0
  mkfifo "$folder/gate"
  for ((index = 1; index <= count; index++)); do
    printf '{"name":"sleep-%d","process":{"argv":["sleep","60"]}}\n' "$index"
  done >"$folder/tasks"
  printf '{"name":"strays","process":{"argv":["sh","-c","setsid sleep 61 & sleep 60; exit"]}}\n' >>"$folder/tasks"
  printf '{"name":"bad","process":{"argv":["sh","-c","read go <%s; echo no luck >&2; exit 7"]}}\n' "$folder/gate" \
    >>"$folder/tasks"
  cat "$folder/tasks"
  SLEEPS=$(covey run --detach --name sleeps -f "$folder/tasks")
  for ((index = 0; index < 600; index++)); do
    running=$(processes "$SLEEPS")
    ((running < count + 4)) || break
    sleep 0.05
  done
  ((running == count + 4)) || fail "$running processes run, not $((count + 4))"
  printf '%d processes run for the group; now the task "bad" fails\n' "$running"
  start=$(now_ms)
  # shellcheck disable=SC2016 # for the inner shell; it waits until the task has opened its end
  timeout 30 bash -c 'echo go >"$0"' "$folder/gate" || fail "the task bad does not read"
  printf '$ covey wait %s\n' "$SLEEPS"
  covey wait "$SLEEPS" || status=$?
  local took=$(($(now_ms) - start))
  running=$(processes "$SLEEPS")
  ((status == 7)) || fail "covey wait exited with $status, not 7"
  ((running == 0)) || fail "$running processes are left"
  printf 'exit %d after %s s, and %d processes are left\n' "$status" "$(seconds "$took")" "$running"
}

# show_events GROUP: its events; the middle of many is left out.
show_events() {
  local ends=8
  printf '$ covey events %s\n' "$1"
  covey events "$1" >"$folder/events"
  local count
  count=$(wc -l <"$folder/events")
  if ((count <= 8 * ends)); then
    cat "$folder/events"
  else
    head -n "$ends" "$folder/events"
    printf '… %d more …\n' $((count - 2 * ends))
    tail -n "$ends" "$folder/events"
  fi
}

start_daemon
hash_tree
fail_together
say "what happened: the events of both groups, numbered"
show_events "$HASHES"
printf '\n'
show_events "$SLEEPS"
say "the end"
status=0
stop_daemon || status=$?
((status == 0)) || fail "coveyd exited with $status"
printf 'coveyd was told to stop with SIGTERM and exited with 0\n'
