#!/usr/bin/env bash
# The checks that only read the tree find what they are there for: each gets a small tree with one fault.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# expect passed|failed CHECK WHAT
expect() {
  local verdict=passed
  TREE=$tree "tests/check/$2.sh" >"$tree.log" 2>&1 || verdict=failed
  if [[ $verdict != "$1" ]]; then
    cat "$tree.log"
    rm -f "$tree.log"
    fail "$2 $verdict with $3"
  fi
  rm -f "$tree.log"
}

# layer FILE INCLUDE: the tree has this include alone.
layer() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/core/spec" "$tree/core/process" "$tree/core/state" "$tree/core/include/covey" "$tree/server" "$tree/client" "$tree/proto"
  printf '#include %s\n' "$2" >"$tree/$1"
}
for include in '<vector>' '<sys/epoll.h>' '<linux/close_range.h>' '<signal.h>' '"core/base/mutex.h"'; do
  layer core/a.cc "$include"
  expect passed layering "core and $include"
done
for include in '<grpcpp/grpcpp.h>' '<google/protobuf/message.h>' '<spdlog/spdlog.h>' '<sqlite3.h>' '"server/a.h"' \
  '"covey/v1/types.pb.h"' '"proto/a.h"' '"client/a.h"' '<absl/strings/cord.h>'; do
  layer core/a.h "$include"
  expect failed layering "core and $include"
done
layer server/a.cc '"client/a.h"'
expect failed layering 'server and client'
layer client/a.cc '"server/a.h"'
expect failed layering 'client and server'
layer client/a.cc '"core/engine/engine.h"'
expect failed layering 'client and the engine'
layer client/a.h '<grpcpp/client_context.h>'
expect failed layering 'client and gRPC'
layer client/grpc_connection.cc '<grpcpp/client_context.h>'
expect passed layering 'the one connection and gRPC'
layer client/grpc_connection.cc '"covey/v1/task_service.grpc.pb.h"'
expect failed layering 'client and generated services'
layer proto/a.h '<google/protobuf/message.h>'
expect failed layering 'plain data beside the contract and Protobuf'
layer client/a.cc '"covey/status.h"'
expect passed layering 'client and plain values'
layer client/a.cc '"covey/group.h"'
expect failed layering 'client and the library'
layer core/state/a.h '"covey/context.h"'
expect failed layering 'states and contexts'
layer core/state/a.h '"covey/client/client.h"'
expect failed layering 'core and a public header of the client'
layer core/include/covey/policy.h '"core/base/check.h"'
expect failed layering 'a public header and an internal one'
layer core/include/covey/status.h '"covey/policy.h"'
expect failed layering 'a public header and one of a room above'
layer core/include/covey/group.h '"covey/policy.h"'
expect passed layering 'a public header and one of a room below'
layer core/include/covey/orphan.h '<vector>'
expect passed layering 'a public header by itself'
layer core/a.h '"covey/orphan.h"'
expect failed layering 'a public header that is in no room'
layer core/state/a.h '"core/state/b.h"'
printf '#include "core/state/a.h"\n' >"$tree/core/state/b.h"
expect failed layering 'a circle of headers'
layer core/spec/a.h '"core/journal/journal.h"'
expect failed layering 'specs and the journal'
layer core/process/a.h '"core/output/output_store.h"'
expect failed layering 'processes and the output store'
layer core/process/a.h '"core/spec/process_spec.h"'
expect passed layering 'processes and specs'

# text FILE TEXT: the tree has this file alone.
text() {
  rm -rf "${tree:?}"/*
  printf '%s\n' "$2" >"$tree/$1"
}
text a.md 'see /var/lib/covey and build/work/x'
expect passed words 'ordinary paths'
text a.md "see $(printf '/%s' work main)"
expect failed words "a machine's path"
text a.cc '// TODO: all'
expect failed words 'work that is not done'
text a.md "$(printf '<%.0s' 1 2 3 4 5 6 7) ours"
expect failed words 'a merge that is not done'

text a.cc "$(seq 450)"
expect passed sizes 'a file of 450 lines'
text a.cc "$(seq 451)"
expect failed sizes 'a file of 451 lines'
# class FIELDS: the text of a class with so many, one of them guarded, and methods.
class() {
  printf 'class A {\n public:\n  int size() const;\n  bool Close(int how,\n             int when = 0);\n private:\n'
  printf '  int guarded_ COVEY_GUARDED_BY(mutex_) = 0;\n'
  for ((i = 1; i < $1; ++i)); do printf '  std::vector<int> field_%d_;\n' "$i"; done
  printf '};\n'
}
text a.h "$(class 25)"
expect passed sizes 'a class of 25 fields'
text a.h "$(class 26)"
expect failed sizes 'a class of 26 fields'

text a.md $'# One two\n[a](a.md) [b](#one-two) [c](https://example.org) `[d](nowhere.md)`'
expect passed links 'good links'
text a.md '[a](nowhere.md)'
expect failed links 'a link to nowhere'
text a.md $'# One\n[a](a.md#two)'
expect failed links 'an anchor to nowhere'
# contract SED-SCRIPT FILE: the contract, changed.
contract() {
  rm -rf "${tree:?}"/*
  cp -r proto "$tree/proto"
  [[ -z $1 ]] || sed -i -E "$1" "$tree/proto/covey/v1/$2"
  [[ -z $1 ]] || ! diff -q "proto/covey/v1/$2" "$tree/proto/covey/v1/$2" >/dev/null || fail "nothing was changed by $1"
}
status=0
tests/check/buf.sh >/dev/null 2>&1 || status=$?
if ((status == 77)); then
  printf 'without buf it is not tried on broken contracts\n'
else
  contract '' ''
  expect passed buf 'the contract as it is'
  contract '/string name = 1;/d' pool_service.proto
  expect failed buf 'a field that is gone'
  contract 's/uint32 running = 3;/uint32 running = 9;/' pool_service.proto
  expect failed buf 'a field with another number'
  contract 's/string version = 1;/string release = 1;/' admin_service.proto
  expect failed buf 'a field with another name'
  contract 's/uint64 queued_tasks/string queued_tasks/' admin_service.proto
  expect failed buf 'a field with another type'
  contract '/rpc Drain\(/d' admin_service.proto
  expect failed buf 'an RPC that is gone'
  contract 's/WAIT_REASON_SEAL = 4;/WAIT_REASON_SEAL = 40;/' group_service.proto
  expect failed buf 'a value of an enum with another number'
fi

printf 'the checks find what they are there for\n'
