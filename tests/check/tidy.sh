#!/usr/bin/env bash
# clang-tidy finds nothing in core, server and client. What was clean before and has not changed is not looked at again.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need clang-tidy-14 python3
build_preset dev
exec tests/support/tidy.py build/dev "$@"
