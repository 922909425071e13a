"""Microsoft's unmodified Python SDK, as the tests need it: one action a run, a JSON object on stdin, one on stdout.

{"action": "publish" | "settle", "connection", "topic", "subscription"?, "ca"?, "messages"?: [{"id", "session", "body"}]}
"""
import json
import sys

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue

WAIT_S = 20


def client(job):
    options = {}
    if "ca" in job:
        options["connection_verify"] = job["ca"]
    return ServiceBusClient.from_connection_string(job["connection"], retry_total=0, **options)


def message(fields):
    return ServiceBusMessage(json.dumps(fields["body"]), message_id=fields["id"], session_id=fields["session"],
                             content_type="application/json")


def publish(job):
    """One alone, the rest as a list and as a batch: the three ways the SDK sends."""
    first, *rest = [message(m) for m in job["messages"]]
    half = len(rest) // 2
    with client(job) as bus, bus.get_topic_sender(job["topic"]) as sender:
        sender.send_messages(first)
        if rest[:half]:
            sender.send_messages(rest[:half])
        batch = sender.create_message_batch()
        for m in rest[half:]:
            batch.add_message(m)
        if len(rest) > half:
            sender.send_messages(batch)
    return {"sent": len(job["messages"])}


def settle(job):
    """Publishes four messages, settles each in its own way, and tells what came of it."""
    names = ["complete", "abandon", "dead-letter", "defer"]
    found = {}
    with client(job) as bus:
        with bus.get_topic_sender(job["topic"]) as sender:
            sender.send_messages([ServiceBusMessage("text of " + n, message_id=n) for n in names])
        with bus.get_subscription_receiver(job["topic"], job["subscription"], max_wait_time=WAIT_S) as receiver:
            got = []
            while len(got) < len(names):
                some = receiver.receive_messages(max_message_count=len(names) - len(got), max_wait_time=WAIT_S)
                if not some:
                    break
                got.extend(some)
            by_id = {m.message_id: m for m in got}
            found["received"] = sorted(by_id)
            found["bodies"] = sorted(str(m) for m in got)
            found["renewed"] = receiver.renew_message_lock(by_id["complete"]).timestamp() > 0
            receiver.complete_message(by_id["complete"])
            receiver.dead_letter_message(by_id["dead-letter"], reason="why", error_description="because")
            receiver.defer_message(by_id["defer"])
            receiver.abandon_message(by_id["abandon"])
            again = receiver.receive_messages(max_message_count=1, max_wait_time=WAIT_S)
            found["again"] = [(m.message_id, m.delivery_count) for m in again]
            for m in again:
                receiver.complete_message(m)
            deferred = receiver.receive_deferred_messages([by_id["defer"].sequence_number])
            found["deferred"] = [m.message_id for m in deferred]
            for m in deferred:
                receiver.complete_message(m)
        with bus.get_subscription_receiver(job["topic"], job["subscription"], sub_queue=ServiceBusSubQueue.DEAD_LETTER,
                                           max_wait_time=WAIT_S) as letters:
            dead = letters.receive_messages(max_message_count=1, max_wait_time=WAIT_S)
            found["dead"] = [(m.message_id, m.dead_letter_reason, m.dead_letter_error_description) for m in dead]
            for m in dead:
                letters.complete_message(m)
    return found


def main():
    job = json.load(sys.stdin)
    print(json.dumps({"publish": publish, "settle": settle}[job["action"]](job)))


main()
