#!/usr/bin/env bash
# buf.sh [--record VERSION]: buf lint finds nothing in the contract, it breaks nobody who was built with that of the last
# release, and no number has changed its meaning since any release: each release records its contract here, when it is
# tagged, as contract/VERSION.binpb (so that a tree without tags has it as well). Before 1.0.0 a new minor version may
# break those who are built with the contract before it; it is recorded with the change that does. Numbers stay what
# they are, also then. buf comes from PyPI once, pinned and checked against its hash. $TREE: another tree to look at.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
requirements=tests/support/buf-requirements.txt
tools=build/tools/buf-$(cksum <"$requirements" | cut -d' ' -f1)
if [[ ! -x $tools/bin/buf ]]; then
  need python3
  rm -rf "$tools"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! { python3 -m venv "$tools" &&
    timeout 180 "$tools/bin/pip" install --quiet --no-input --no-deps --require-hashes -r "$requirements"; } >"$log" 2>&1; then
    rm -rf "$tools"
    skip "buf could not be fetched: $(grep -v '^$' "$log" | tail -n 1)"
  fi
fi
buf=$ROOT/$tools/bin/buf
cd "${TREE:-$ROOT}/proto"
if [[ ${1:-} == --record ]]; then
  [[ ${2:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "a version is v1.2.3, got ${2:-nothing}"
  "$buf" build --exclude-source-info -o "$ROOT/tests/check/contract/$2.binpb"
  printf 'the contract of %s is recorded\n' "$2"
  exit 0
fi
"$buf" lint
last=$(find "$ROOT/tests/check/contract" -name 'v*.binpb' | sort -V | tail -n 1)
[[ -n $last ]] || fail "no contract is recorded"
"$buf" breaking --against "$last"
# Of older ones the wire alone; a field that became one of a oneof is read and written as before.
wire='{"version":"v2","modules":[{"path":"."}],"breaking":{"use":["WIRE"],"except":["FIELD_SAME_ONEOF"]}}'
for older in "$ROOT"/tests/check/contract/v*.binpb; do
  [[ $older == "$last" ]] || "$buf" breaking --config "$wire" --against "$older"
done
printf 'buf %s: lint is clean, and nothing breaks since %s\n' "$("$buf" --version)" "$(basename "$last" .binpb)"
