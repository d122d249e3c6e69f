#!/usr/bin/env bash
# The daemon is killed in the middle of things and started again: ctest label `crash`.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build_preset dev
exec tests/support/run_ctest.sh build/dev --label-regex '^crash$'
