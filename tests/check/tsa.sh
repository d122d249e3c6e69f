#!/usr/bin/env bash
# Everything compiles with clang and its thread-safety analysis: every guarded member is used under its mutex.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need clang++-14
build_preset clang-tsa covey_core covey_throw_trace covey_server covey_cli
printf 'core, server and client hold their locks\n'
