"""SQS as the product uses it: visibility, dead letters, long polls, batches, attributes, policies, other accounts."""

import json
import threading
import time

import pytest

import world
from clients import REFUSED, Caller, refused
from marketplace import eventually

MISSING = "AWS.SimpleQueueService.NonExistentQueue"


class Queue:
    """A queue, and its owner's client."""

    def __init__(self, caller, name="inbox", **attributes):
        self.owner, self.name = caller, name
        self.sqs = caller.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{world.REGION}:{caller.account}:{name}"

    def send(self, body="hello", **more):
        return self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)

    def receive(self, count=10, **more):
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=count, **more)
        return answer.get("Messages", [])

    def bodies(self, **more):
        return sorted(message["Body"] for message in self.receive(**more))

    def delete(self, message):
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def hold(self, message, seconds):
        self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )

    def attributes(self, *names):
        return self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names or ["All"]))["Attributes"]

    def set(self, **attributes):
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)


@pytest.fixture
def queue(management):
    return Queue(management)


def test_a_queue_is_made_found_and_deleted(management, queue):
    assert queue.url == f"{management.endpoint}/{management.account}/inbox"
    assert queue.sqs.get_queue_url(QueueName="inbox")["QueueUrl"] == queue.url
    assert queue.url in queue.sqs.list_queues()["QueueUrls"]
    assert queue.sqs.list_queues(QueueNamePrefix="none").get("QueueUrls", []) == []
    attributes = queue.attributes()
    assert attributes["QueueArn"] == queue.arn
    assert attributes["VisibilityTimeout"] == "30"
    assert attributes["MessageRetentionPeriod"] == "345600"
    queue.sqs.delete_queue(QueueUrl=queue.url)
    with pytest.raises(queue.sqs.exceptions.QueueDoesNotExist):
        queue.sqs.get_queue_url(QueueName="inbox")
    refused(MISSING, 400, queue.send)


def test_making_a_queue_again_is_the_same_queue_unless_its_attributes_differ(management):
    first = Queue(management, VisibilityTimeout="60")
    assert Queue(management, VisibilityTimeout="60").url == first.url
    assert Queue(management).url == first.url
    refused("QueueAlreadyExists", 400, Queue, management, VisibilityTimeout="61")


def test_attributes_are_set(queue):
    queue.set(VisibilityTimeout="7", ReceiveMessageWaitTimeSeconds="2", MessageRetentionPeriod="3600")
    found = queue.attributes("VisibilityTimeout", "ReceiveMessageWaitTimeSeconds", "MessageRetentionPeriod")
    assert found == {
        "VisibilityTimeout": "7",
        "ReceiveMessageWaitTimeSeconds": "2",
        "MessageRetentionPeriod": "3600",
    }
    refused("InvalidAttributeValue", 400, queue.set, VisibilityTimeout="43201")
    refused("InvalidAttributeValue", 400, queue.set, Policy="not a policy")


def test_a_message_is_sent_received_once_and_deleted(queue):
    sent = queue.send("hello", MessageAttributes={"version": {"DataType": "Number", "StringValue": "7"}})
    assert sent["MessageId"] and sent["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592"
    [message] = queue.receive(MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "hello")
    assert message["MessageAttributes"] == {"version": {"DataType": "Number", "StringValue": "7"}}
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert int(message["Attributes"]["SentTimestamp"]) > 1_500_000_000_000
    assert queue.receive() == []
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    assert queue.attributes(*counts) == dict(zip(counts, ("0", "1")))
    queue.delete(message)
    assert queue.attributes(*counts) == dict.fromkeys(counts, "0")
    # Deleting twice is no error.
    queue.delete(message)
    refused("ReceiptHandleIsInvalid", 400, queue.delete, {"ReceiptHandle": "nonsense"})


def test_a_message_is_deleted_by_its_newest_handle(queue):
    """AWS documents that deleting with an older one succeeds, and that the message may stay."""
    queue.send()
    [first] = queue.receive()
    queue.hold(first, 0)
    [second] = queue.receive()
    queue.delete(first)
    queue.delete(second)
    assert queue.attributes("ApproximateNumberOfMessagesNotVisible") == {"ApproximateNumberOfMessagesNotVisible": "0"}


def test_binary_attributes_arrive_as_they_were(queue):
    blob = bytes(range(256))
    queue.send(MessageAttributes={"blob": {"DataType": "Binary", "BinaryValue": blob}})
    [message] = queue.receive(MessageAttributeNames=["blob"])
    assert message["MessageAttributes"]["blob"]["BinaryValue"] == blob


def test_a_message_comes_back_after_its_visibility_timeout(queue):
    queue.send()
    [first] = queue.receive(VisibilityTimeout=1)
    assert queue.receive() == []
    [second] = queue.receive(WaitTimeSeconds=5, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    assert second["MessageId"] == first["MessageId"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["ReceiptHandle"] != first["ReceiptHandle"]


def test_visibility_is_extended_and_given_up(queue):
    queue.send()
    [message] = queue.receive(VisibilityTimeout=1)
    queue.hold(message, 60)
    time.sleep(1.3)
    assert queue.receive() == []
    queue.hold(message, 0)
    [again] = queue.receive()
    refused("InvalidParameterValue", 400, queue.hold, again, 43_201)


def test_a_delayed_message_is_seen_later(queue):
    queue.send(DelaySeconds=1)
    assert queue.receive() == []
    assert len(queue.receive(WaitTimeSeconds=5)) == 1


def test_a_long_poll_ends_as_soon_as_a_message_comes(queue):
    timer = threading.Timer(0.5, queue.send, ["late"])
    began = time.monotonic()
    timer.start()
    assert queue.bodies(WaitTimeSeconds=20) == ["late"]
    assert 0.4 < time.monotonic() - began < 5
    timer.join()


def test_a_long_poll_ends_with_nothing(queue):
    began = time.monotonic()
    assert queue.receive(WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - began < 5
    refused("InvalidParameterValue", 400, queue.receive, WaitTimeSeconds=21)


def test_a_queue_may_poll_long_by_itself(management):
    queue = Queue(management, ReceiveMessageWaitTimeSeconds="1")
    began = time.monotonic()
    assert queue.receive() == []
    assert time.monotonic() - began > 0.9


def test_a_message_received_too_often_goes_to_the_dead_letters(management):
    letters = Queue(management, "letters")
    redrive = json.dumps({"deadLetterTargetArn": letters.arn, "maxReceiveCount": 2})
    queue = Queue(management, "inbox", RedrivePolicy=redrive)
    sent = queue.send("poison")
    for count in ("1", "2"):
        [message] = queue.receive(MessageSystemAttributeNames=["ApproximateReceiveCount"])
        assert message["Attributes"]["ApproximateReceiveCount"] == count
        assert letters.receive() == []
        queue.hold(message, 0)
    assert queue.receive() == []
    [letter] = letters.receive(WaitTimeSeconds=5)
    assert (letter["MessageId"], letter["Body"]) == (sent["MessageId"], "poison")
    assert queue.sqs.list_dead_letter_source_queues(QueueUrl=letters.url)["queueUrls"] == [queue.url]


def test_a_batch_is_sent_and_deleted(queue):
    entries = [{"Id": f"id{number}", "MessageBody": f"body {number}"} for number in range(10)]
    sent = queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert {one["Id"] for one in sent["Successful"]} == {entry["Id"] for entry in entries}
    assert sent.get("Failed", []) == []
    messages = []

    def everything():
        messages.extend(queue.receive())
        return len(messages) == 10

    eventually("ten messages", everything)
    assert sorted(message["Body"] for message in messages) == sorted(entry["MessageBody"] for entry in entries)
    handles = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
    queue.sqs.change_message_visibility_batch(
        QueueUrl=queue.url, Entries=[{**handle, "VisibilityTimeout": 60} for handle in handles]
    )
    deleted = queue.sqs.delete_message_batch(QueueUrl=queue.url, Entries=handles)
    assert len(deleted["Successful"]) == 10
    assert queue.attributes("ApproximateNumberOfMessagesNotVisible") == {"ApproximateNumberOfMessagesNotVisible": "0"}


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        ("AWS.SimpleQueueService.EmptyBatchRequest", []),
        (
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            [{"Id": str(n), "MessageBody": "b"} for n in range(11)],
        ),
        ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", [{"Id": "a", "MessageBody": "b"}] * 2),
    ],
    ids=["empty", "eleven", "twice"],
)
def test_batches_out_of_form_are_refused(management, queue, code, entries):
    call = management.client("sqs", checked=False).send_message_batch
    refused(code, 400, call, QueueUrl=queue.url, Entries=entries)


def test_a_message_has_a_body(management, queue):
    refused("MissingParameter", 400, queue.send, "")
    entries = [{"Id": "a", "MessageBody": "b"}, {"Id": "c", "MessageBody": ""}]
    refused("MissingParameter", 400, queue.sqs.send_message_batch, QueueUrl=queue.url, Entries=entries)
    assert queue.receive() == []


def test_a_message_holds_a_mebibyte(queue):
    largest = "x" * (1024 * 1024)
    queue.send(largest)
    [message] = queue.receive()
    assert message["Body"] == largest
    refused("InvalidParameterValue", 400, queue.send, largest + "x")


def test_the_dead_letters_are_emptied_by_a_purge(queue):
    queue.send()
    queue.sqs.purge_queue(QueueUrl=queue.url)
    assert queue.attributes("ApproximateNumberOfMessages") == {"ApproximateNumberOfMessages": "0"}


def test_another_account_needs_the_queues_consent(management, outsider, queue):
    stranger = outsider.client("sqs")
    refused("AccessDenied", 403, stranger.send_message, QueueUrl=queue.url, MessageBody="hi")
    refused("AccessDenied", 403, stranger.receive_message, QueueUrl=queue.url)
    queue.set(Policy=world.allow({"AWS": world.OUTSIDER}, "sqs:SendMessage", queue.arn))
    stranger.send_message(QueueUrl=queue.url, MessageBody="hi")
    refused("AccessDenied", 403, stranger.receive_message, QueueUrl=queue.url)
    assert queue.bodies() == ["hi"]
    assert json.loads(queue.attributes("Policy")["Policy"])["Statement"][0]["Action"] == "sqs:SendMessage"


def test_a_queue_of_the_same_name_in_another_account_is_another(management, delegate):
    first, second = Queue(management), Queue(delegate)
    first.send("for the first")
    assert second.receive() == []
    assert first.bodies() == ["for the first"]


def test_every_message_is_received_once_by_racing_readers(server, queue):
    sent = {f"message {number}" for number in range(60)}
    for body in sent:
        queue.send(body)
    got, lock = [], threading.Lock()

    def read():
        # A client of its own for each reader.
        sqs = Caller(server.endpoint, queue.owner.account).client("sqs")
        while True:
            messages = sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=3).get("Messages", [])
            if not messages:
                return
            with lock:
                got.extend(message["Body"] for message in messages)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert sorted(got) == sorted(sent)


def test_the_cli_sends_receives_and_deletes(management, queue):
    where = ["--queue-url", queue.url]
    sent = management.aws("sqs", "send-message", *where, "--message-body", "from the CLI").json
    received = management.aws("sqs", "receive-message", *where).json["Messages"]
    assert [(message["MessageId"], message["Body"]) for message in received] == [(sent["MessageId"], "from the CLI")]
    handle = received[0]["ReceiptHandle"]
    assert management.aws("sqs", "delete-message", *where, "--receipt-handle", handle).code == 0
    missing = management.aws("sqs", "send-message", "--queue-url", queue.url + "-not", "--message-body", "x")
    assert missing.code == REFUSED
    assert f"An error occurred ({MISSING}) when calling the SendMessage operation" in missing.err
