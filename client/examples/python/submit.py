#!/usr/bin/env python3
"""Submits two tasks to coveyd with nothing but grpcio and code generated from the contract, and waits for them.

    protoc -I proto --python_out=gen --grpc_python_out=gen \\
        --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" proto/covey/v1/*.proto
    PYTHONPATH=gen client/examples/python/submit.py unix:/run/covey/coveyd.sock
"""

import sys
import uuid

import grpc
from google.protobuf import duration_pb2

from covey.v1 import event_service_pb2 as events_pb
from covey.v1 import event_service_pb2_grpc as events_rpc
from covey.v1 import group_service_pb2 as groups_pb
from covey.v1 import group_service_pb2_grpc as groups_rpc
from covey.v1 import task_service_pb2 as tasks_pb
from covey.v1 import task_service_pb2_grpc as tasks_rpc
from covey.v1 import spec_pb2 as spec
from covey.v1 import types_pb2 as types


def main(address):
    # gRPC takes a socket's path for the name of the host; any other name will do.
    options = [("grpc.default_authority", "localhost")]
    with grpc.insecure_channel(address, options) as channel:
        groups = groups_rpc.GroupServiceStub(channel)
        tasks = tasks_rpc.TaskServiceStub(channel)
        events = events_rpc.EventServiceStub(channel)

        # With a request id the call may be made again after a lost answer: it counts once.
        request = groups_pb.CreateGroupRequest(
            request_id=str(uuid.uuid4()),
            spec=spec.GroupSpec(name="from-python", labels={"from": "python"}),
            tasks=[
                spec.TaskSpec(name="hello", process=spec.ProcessSpec(argv=["echo", "hello from a process"])),
                spec.TaskSpec(name="echo", function=spec.FunctionSpec(
                    name="covey.echo", payload=spec.Payload(text="hello from a function"))),
            ],
            seal=True)
        group = groups.CreateGroup(request).group
        again = groups.CreateGroup(request).group
        assert again.id == group.id, "a retry returns the first answer"

        for message in events.StreamEvents(events_pb.StreamEventsRequest(group_id=group.id, follow=True)):
            for event in message.events:
                print(event.number, types.EventKind.Name(event.kind), event.task)

        # One call waits for all tasks. The group is over when it has an end; else the time to wait has passed.
        wait = groups_pb.WaitGroupRequest(group_id=group.id, timeout=duration_pb2.Duration(seconds=30))
        result = groups.WaitGroup(wait).result
        assert result.group.HasField("end_time"), "it goes on"
        print(types.GroupState.Name(result.group.state))
        output = tasks.ReadOutput(tasks_pb.ReadOutputRequest(group_id=group.id, task="hello"))
        sys.stdout.write(b"".join(part.chunk.data for part in output).decode())

        # Errors say what is wrong, field by field.
        try:
            groups.CreateGroup(groups_pb.CreateGroupRequest(spec=spec.GroupSpec(limit=70000)))
        except grpc.RpcError as error:
            print(error.code().name, error.details())
        return 0 if result.group.state == types.GROUP_STATE_SUCCEEDED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "unix:/run/covey/coveyd.sock"))
