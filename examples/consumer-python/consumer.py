"""Reads lines of logs, flagged business records and anomalies of Driftline from Kafka and prints a line for each:

    2026-01-01T12:00:00.250Z default log:payments ERROR transfer refused {"amount": 184500}

Start it with `KAFKA_BROKERS=127.0.0.1:9092 python3 consumer.py`. It runs until it is interrupted, and goes on where it
was when it is started again.
"""

import json
import os
import signal
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from confluent_kafka import Consumer, KafkaException
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

BROKERS = os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092")
# Set only when the Driftline installation shares its cluster and puts a prefix in front of its topics.
PREFIX = os.environ.get("KAFKA_TOPIC_PREFIX", "")
# Consumers with the same group share the work; another group reads everything for itself.
GROUP = os.environ.get("KAFKA_GROUP", "example-consumer-python")
# The published schemas: every message of every topic as a FileDescriptorSet. No code has to be generated.
SCHEMAS = os.environ.get("DRIFTLINE_SCHEMAS", str(Path(__file__).parent / "../../proto/published.binpb"))

TOPICS = ["driftline.logs.v1", "driftline.flagged-records.v1", "driftline.anomalies.v1"]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SEVERITIES = ["-"] + [name for name in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL") for _ in range(4)]


def load_messages(path):
    """Answers a function from the full name of a message to its class; None for a name that is not known."""
    files = descriptor_pb2.FileDescriptorSet.FromString(Path(path).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)

    def find(name):
        try:
            descriptor = pool.FindMessageTypeByName(name)
        except KeyError:
            return None
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(descriptor)
        return message_factory.MessageFactory(pool).GetPrototype(descriptor)

    return find


class Repeats:
    """Tells records that were stored twice: a source that did not hear that a record was stored sends it again.

    Each record names its source, the source's start (epoch) and a sequence that only grows within them. A consumer
    that must not count twice across restarts stores this map together with its own results.
    """

    def __init__(self):
        self.highest = {}

    def is_repeat(self, topic, partition, headers):
        key = (topic, partition, headers["tenant"], headers["source"], headers["epoch"])
        sequence = int(headers["sequence"])
        if sequence <= self.highest.get(key, -1):
            return True
        self.highest[key] = sequence
        return False


def time_of(milliseconds):
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log_lines(batch):
    """The arrays of a batch are parallel: element i of each belongs to line i."""
    for index, body in enumerate(batch.body):
        time = time_of(batch.base_time_ms + batch.time_offset_ms[index])
        # Fields are a JSON object; where there are none, the line itself may be one.
        fields = batch.attributes[index]
        yield f"{time} {batch.tenant} {batch.process} {SEVERITIES[batch.severity[index]]} {body} {fields}".rstrip()


def flagged_lines(record):
    fields = json.loads(record.record)
    yield f"{time_of(record.time_ms)} {record.tenant} {record.process} FLAGGED {record.rule}: {json.dumps(fields, ensure_ascii=False)}"


def anomaly_lines(anomaly):
    """The record with the highest revision of an id is how an anomaly stands."""
    phase = ["?", "opened", "changed", "closed"][anomaly.phase]
    yield f"{time_of(anomaly.time_ms)} {anomaly.tenant} {anomaly.process} {phase} {anomaly.type}: {anomaly.description}"


LINES = {
    "driftline.v1.LogBatch": log_lines,
    "driftline.v1.FlaggedRecord": flagged_lines,
    "driftline.v1.Anomaly": anomaly_lines,
}


def main():
    message_class = load_messages(SCHEMAS)
    repeats = Repeats()
    running = True

    def stop(_signal, _frame):
        nonlocal running
        running = False

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    settings = {
        "bootstrap.servers": BROKERS,
        "group.id": GROUP,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "topic.metadata.refresh.interval.ms": 1000,
    }
    consumer = Consumer(settings)
    consumer.subscribe([PREFIX + topic for topic in TOPICS])
    try:
        while running:
            record = consumer.poll(0.25)
            if record is None:
                continue
            if record.error():
                if record.error().retriable() or record.error().name() == "UNKNOWN_TOPIC_OR_PART":
                    continue
                raise KafkaException(record.error())
            print_record(record, message_class, repeats)
            # After it was printed, so a crash repeats records but loses none.
            consumer.commit(record, asynchronous=False)
    finally:
        consumer.close()


def print_record(record, message_class, repeats):
    headers = {name: value.decode() for name, value in record.headers() or []}
    # The header says what the value is. Skip what you do not know: later versions may add messages to a topic.
    lines = LINES.get(headers.get("message"))
    kind = message_class(headers.get("message", ""))
    if lines is None or kind is None or repeats.is_repeat(record.topic(), record.partition(), headers):
        return
    for line in lines(kind.FromString(record.value())):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
