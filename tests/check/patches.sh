#!/usr/bin/env bash
# A new RPC, a new kind of work and a new event (tests/check/patches) touch the contract and at most three places each; with
# them covey builds, and they work. They are built together, in a copy of the tree.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need cmake ninja patch python3
work=$ROOT/build/patches
tree=$work/tree
rm -rf "$tree"
mkdir -p "$tree"
project_files -name '*' | tar -cf - -T - | tar -C "$tree" -xf -  # with their times: what is the same is not built again

# places PATCH: the rooms that it touches besides contract and tests.
places() {
  sed -nE 's|^\+\+\+ b/([^[:space:]]+).*|\1|p' "$1" | grep -vE '^(proto|tests)/' | sed -E 's|^((core\|server)/[^/]+\|[^/]+)/.*|\1|' | sort -u
}

patches=(tests/check/patches/*.patch)
for patch in "${patches[@]}"; do
  mapfile -t touched < <(places "$patch")
  ((${#touched[@]} <= 3)) || fail "$patch touches ${#touched[@]} places, at most 3 are allowed: ${touched[*]}"
  patch -d "$tree" -p1 --dry-run --no-backup-if-mismatch <"$patch" || fail "$patch does not apply to the tree as it is"
  printf '%s: the contract, %s\n' "${patch##*/}" "${touched[*]}"
done
for patch in "${patches[@]}"; do
  patch -d "$tree" -p1 --no-backup-if-mismatch <"$patch" || fail "$patch does not apply after the others"
done

export CCACHE_BASEDIR=$tree
(cd "$tree" && cmake --preset dev -B "$work/build" -DCOVEY_BUILD_TESTS=OFF -DCOVEY_BUILD_EXAMPLES=OFF)
cmake --build "$work/build" -j "$(nproc)" --target coveyd covey
status=0
for patch in "${patches[@]}"; do
  test=$(sed -nE 's|^\+\+\+ b/(tests/e2e/test_[a-z_]+\.py).*|\1|p' "$patch")
  [[ -n $test ]] || fail "$patch has no test in tests/e2e"
  COVEY_BIN_DIR=$work/build/bin COVEY_GRPCURL=${COVEY_GRPCURL:-$(find "$ROOT/build/tools" -name 'grpcurl-*' ! -name '*.reason' 2>/dev/null | head -n 1)} \
    python3 "$tree/tests/support/run_unittest.py" "$tree/$test" || status=$?
  ((status == 0 || status == 77)) || fail "$test"
done
printf 'an RPC, a kind of work and an event need the contract and at most three places each\n'
