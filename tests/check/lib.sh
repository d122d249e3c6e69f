# Sourced by the checks. Each is a script to be run by hand as well: exit 0 passed, 77 skipped, anything else failed.
# shellcheck shell=bash
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1

# skip REASON…: this machine cannot run the check.
skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}

fail() {
  printf 'failed: %s\n' "$*" >&2
  exit 1
}

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
  done
}

# project_files FIND-TEST…: our files below the current folder, one a line. Works without git.
project_files() {
  find . \( -path ./build -o -path ./.git -o -path ./.cache \) -prune -o -type f \( "$@" \) -print | sed 's|^\./||' | sort
}

# build_preset PRESET [TARGET…]
build_preset() {
  local preset=$1
  shift
  [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset"
  cmake --build "build/$preset" -j "$(nproc)" ${@+--target "$@"}
}
