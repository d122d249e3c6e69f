#!/usr/bin/env bash
# The image of deploy/Dockerfile is built and run by a Docker engine of this check's own, on a base made of Debian's packages.
# What can be kept (base, layers, compiler cache) is in the user's cache folder, so that the next run is short.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ $EUID -eq 0 ]] || skip "a Docker engine can be started by root alone"
need dockerd docker-compose mmdebstrap ip iptables python3
[[ -x /usr/bin/docker ]] || skip "/usr/bin/docker is not installed"
build_preset dev covey

keep=${XDG_CACHE_HOME:-$HOME/.cache}/covey/image
run=$(mktemp -d /tmp/covey-docker-XXXXXX)
mkdir -p "$keep"
exec 9>"$keep/lock"
flock --timeout 300 9 || fail "another run holds $keep"
export DOCKER_HOST=unix://$run/docker.sock
had_bridge=$(ip link show docker0 >/dev/null 2>&1 && echo yes || echo no)

engine=
stop_engine() {
  if [[ -n $engine ]]; then
    kill "$engine" 2>/dev/null || true
    for _ in $(seq 100); do
      kill -0 "$engine" 2>/dev/null || break
      sleep 0.2
    done
  fi
  umount "$run/exec/netns/default" 2>/dev/null || true
  [[ $had_bridge == yes ]] || ip link del docker0 2>/dev/null || true
  rm -rf "$run"
}
trap stop_engine EXIT

setsid dockerd --data-root "$keep/data" --exec-root "$run/exec" --pidfile "$run/pid" -H "$DOCKER_HOST" \
  --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false >"$run/log" 2>&1 </dev/null 9>&- &
engine=$!
for attempt in $(seq 150); do
  /usr/bin/docker version >/dev/null 2>&1 && break
  kill -0 "$engine" 2>/dev/null || break
  ((attempt < 150)) || break
  sleep 0.2
done
if ! /usr/bin/docker version >/dev/null 2>&1; then
  reason=$(grep -E 'level=(fatal|error)|failed to start' "$run/log" | tail -n 1)
  skip "the Docker engine does not start here: ${reason:-it says nothing}"
fi

if ! /usr/bin/docker image inspect debian:bookworm-slim >/dev/null 2>&1; then
  mmdebstrap --quiet --variant=minbase bookworm "$run/base.tar" /etc/apt/sources.list.d/debian.sources ||
    skip "mmdebstrap could not make the base"
  /usr/bin/docker import -c 'CMD ["bash"]' "$run/base.tar" debian:bookworm >/dev/null
  /usr/bin/docker tag debian:bookworm debian:bookworm-slim
  rm "$run/base.tar"
fi
DOCKER_BUILDKIT=1 /usr/bin/docker build --progress=plain --network=host -f deploy/Dockerfile -t covey:test . 2>&1
COVEY_IMAGE=covey:test COVEY_BIN_DIR=$ROOT/build/dev/bin tests/support/run_unittest.py "$ROOT/tests/image/test_image.py"
# What later runs need stays, and no more.
/usr/bin/docker image prune --force >/dev/null
/usr/bin/docker builder prune --force --keep-storage 3GB >/dev/null
printf 'the image is built and does what deploy/Dockerfile says\n'
