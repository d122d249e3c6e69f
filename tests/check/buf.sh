#!/usr/bin/env bash
# buf lint finds nothing in the contract. buf comes from PyPI once, pinned and checked against its hash.
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
cd proto
"$ROOT/$tools/bin/buf" lint
printf 'buf %s lint is clean\n' "$("$ROOT/$tools/bin/buf" --version)"
