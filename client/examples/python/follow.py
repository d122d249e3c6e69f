#!/usr/bin/env python3
"""Follows the events of all groups from now on with nothing but grpcio, and goes on where it was when the daemon is
stopped, killed or started again: no event is missed, none comes twice. Ends after so many groups have completed.

    PYTHONPATH=gen client/examples/python/follow.py unix:/run/covey/coveyd.sock 10      (gen: see submit.py)
"""

import sys
import time

import grpc

from covey.v1 import event_service_pb2 as events_pb
from covey.v1 import event_service_pb2_grpc as events_rpc
from covey.v1 import types_pb2 as types


def messages(stub, request):
    """The messages of the stream, across restarts of the daemon."""
    while True:
        try:
            for message in stub.StreamEvents(request):
                # Every message says where to go on. A new request, since the stream may still be sending the old one.
                request = events_pb.StreamEventsRequest(cursor=message.cursor, follow=True)
                yield message
            return
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            time.sleep(0.05)  # the daemon is away; a program would wait longer each time, and give up at last


def main(address, count):
    options = [("grpc.default_authority", "localhost")]
    with grpc.insecure_channel(address, options) as channel:
        stub = events_rpc.EventServiceStub(channel)
        completed = 0
        for message in messages(stub, events_pb.StreamEventsRequest(latest=True, follow=True)):
            if not message.events and completed == 0:
                print("following", flush=True)
            for event in message.events:
                print(event.group_id, event.number, types.EventKind.Name(event.kind), flush=True)
                completed += event.kind == types.EVENT_KIND_GROUP_COMPLETED
            if completed >= count:
                return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
