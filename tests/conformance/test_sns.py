"""SNS as the product uses it: topics, their policies, subscriptions of queues of other accounts, filters, batches."""

import json
import uuid

import pytest

import world
from clients import REFUSED, refused
from test_sqs import Queue


class Topic:
    """A topic, and its owner's client."""

    def __init__(self, caller, name="snapshots"):
        self.owner = caller
        self.sns = caller.client("sns")
        self.arn = self.sns.create_topic(Name=name)["TopicArn"]

    def publish(self, message="hello", **more):
        return self.sns.publish(TopicArn=self.arn, Message=message, **more)["MessageId"]

    def admit(self, *accounts, action="sns:Subscribe"):
        policy = world.allow({"AWS": list(accounts)}, action, self.arn)
        self.sns.set_topic_attributes(TopicArn=self.arn, AttributeName="Policy", AttributeValue=policy)

    def subscribe(self, queue, **attributes):
        """Subscribes a queue as its owner, and lets the topic send to it."""
        condition = {"ArnEquals": {"aws:SourceArn": self.arn}}
        queue.set(Policy=world.allow({"Service": "sns.amazonaws.com"}, "sqs:SendMessage", queue.arn, condition))
        answer = queue.owner.client("sns").subscribe(
            TopicArn=self.arn, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes, ReturnSubscriptionArn=True
        )
        return answer["SubscriptionArn"]


@pytest.fixture
def topic(management):
    return Topic(management)


def text(value):
    return {"DataType": "String", "StringValue": value}


def test_a_topic_is_made_found_and_deleted(management, topic):
    assert topic.arn == f"arn:aws:sns:us-east-1:{management.account}:snapshots"
    # Making it again is the same one.
    assert Topic(management).arn == topic.arn
    assert [found["TopicArn"] for found in topic.sns.list_topics()["Topics"]] == [topic.arn]
    attributes = topic.sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]
    assert attributes["TopicArn"] == topic.arn
    assert attributes["Owner"] == management.account
    assert json.loads(attributes["Policy"])["Statement"]
    topic.sns.delete_topic(TopicArn=topic.arn)
    refused("NotFound", 404, topic.publish)
    refused("NotFound", 404, topic.sns.get_topic_attributes, TopicArn=topic.arn)


def test_a_message_arrives_in_its_envelope(management, topic):
    queue = Queue(management)
    subscription = topic.subscribe(queue)
    assert subscription.startswith(f"{topic.arn}:")
    sent = topic.publish("the message", Subject="the subject", MessageAttributes={"reason": text("changed")})
    [message] = queue.receive(WaitTimeSeconds=5, MessageAttributeNames=["All"])
    envelope = json.loads(message["Body"])
    assert envelope["Type"] == "Notification"
    assert envelope["MessageId"] == sent
    assert envelope["TopicArn"] == topic.arn
    assert (envelope["Message"], envelope["Subject"]) == ("the message", "the subject")
    assert envelope["MessageAttributes"] == {"reason": {"Type": "String", "Value": "changed"}}
    assert envelope["Timestamp"].endswith("Z")
    assert {"Signature", "SignatureVersion", "SigningCertURL", "UnsubscribeURL"} <= set(envelope)
    assert "MessageAttributes" not in message


def test_a_message_arrives_raw(management, topic):
    queue = Queue(management)
    topic.subscribe(queue, RawMessageDelivery="true")
    blob = b"\x00\x01\xff"
    topic.publish("raw", MessageAttributes={"reason": text("changed"), "blob": {"DataType": "Binary", "BinaryValue": blob}})
    [message] = queue.receive(WaitTimeSeconds=5, MessageAttributeNames=["All"])
    assert message["Body"] == "raw"
    assert message["MessageAttributes"]["reason"] == {"DataType": "String", "StringValue": "changed"}
    assert message["MessageAttributes"]["blob"]["BinaryValue"] == blob


def test_another_account_subscribes_its_own_queue_when_the_topic_lets_it(topic, outsider):
    queue = Queue(outsider, f"inbox-{uuid.uuid4()}")
    refused("AuthorizationError", 403, topic.subscribe, queue)
    topic.admit(world.OUTSIDER)
    subscription = topic.subscribe(queue, RawMessageDelivery="true")
    topic.publish("across")
    assert queue.bodies(WaitTimeSeconds=5) == ["across"]
    [found] = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert found["SubscriptionArn"] == subscription
    assert (found["Protocol"], found["Endpoint"], found["Owner"]) == ("sqs", queue.arn, world.OUTSIDER)
    mine = outsider.client("sns").list_subscriptions()["Subscriptions"]
    assert subscription in [one["SubscriptionArn"] for one in mine]
    outsider.client("sns").unsubscribe(SubscriptionArn=subscription)
    assert topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"] == []


def test_the_policy_of_a_topic_names_endpoints(topic, outsider):
    name = f"inbox-{uuid.uuid4()}"
    allowed, other = Queue(outsider, name), Queue(outsider, f"other-{name}")
    condition = {"StringEquals": {"sns:Protocol": "sqs"}, "StringLike": {"sns:Endpoint": f"*:{name}"}}
    policy = world.allow({"AWS": world.OUTSIDER}, "sns:Subscribe", topic.arn, condition)
    topic.sns.set_topic_attributes(TopicArn=topic.arn, AttributeName="Policy", AttributeValue=policy)
    topic.subscribe(allowed)
    refused("AuthorizationError", 403, topic.subscribe, other)


def test_another_account_publishes_when_the_topic_lets_it(topic, outsider):
    stranger = outsider.client("sns")
    refused("AuthorizationError", 403, stranger.publish, TopicArn=topic.arn, Message="no")
    topic.admit(world.OUTSIDER, action="sns:Publish")
    assert stranger.publish(TopicArn=topic.arn, Message="yes")["MessageId"]


def test_a_queue_of_another_account_must_be_confirmed_by_it(management, delegate, topic):
    # The topic's owner cannot make somebody else's queue a subscriber on its own.
    queue = Queue(delegate)
    answer = topic.sns.subscribe(TopicArn=topic.arn, Protocol="sqs", Endpoint=queue.arn)
    assert answer["SubscriptionArn"] == "pending confirmation"
    topic.publish("unwanted")
    assert queue.receive() == []
    [listed] = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"


def test_a_queue_that_lets_the_topic_in_is_asked_to_confirm(management, delegate, topic):
    queue = Queue(delegate)
    condition = {"ArnEquals": {"aws:SourceArn": topic.arn}}
    queue.set(Policy=world.allow({"Service": "sns.amazonaws.com"}, "sqs:SendMessage", queue.arn, condition))
    # In whatever form messages are delivered later.
    topic.sns.subscribe(
        TopicArn=topic.arn, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"}
    )
    [message] = queue.receive(WaitTimeSeconds=5)
    asked = json.loads(message["Body"])
    assert (asked["Type"], asked["TopicArn"]) == ("SubscriptionConfirmation", topic.arn)
    assert {"MessageId", "Message", "SubscribeURL", "Timestamp", "Signature", "SignatureVersion"} <= set(asked)
    assert f"Token={asked['Token']}" in asked["SubscribeURL"]
    topic.publish("unwanted")
    assert queue.receive() == []
    confirm = delegate.client("sns").confirm_subscription
    refused("InvalidParameter", 400, confirm, TopicArn=topic.arn, Token="guessed")
    subscription = confirm(TopicArn=topic.arn, Token=asked["Token"])["SubscriptionArn"]
    [listed] = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert listed["SubscriptionArn"] == subscription
    topic.publish("welcome")
    assert queue.bodies(WaitTimeSeconds=5) == ["welcome"]


def test_a_queue_that_does_not_let_the_topic_in_gets_nothing(management, topic):
    queue, letters = Queue(management), Queue(management, "letters")
    subscription = topic.subscribe(queue, RawMessageDelivery="true")
    for one, policy in ((queue, ""), (letters, world.allow({"Service": "sns.amazonaws.com"}, "sqs:SendMessage"))):
        one.set(Policy=policy)
    topic.publish("lost")
    assert queue.receive() == [] and letters.receive() == []
    redrive = json.dumps({"deadLetterTargetArn": letters.arn})
    topic.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="RedrivePolicy", AttributeValue=redrive
    )
    topic.publish("kept")
    assert letters.bodies(WaitTimeSeconds=5) == ["kept"]


def test_a_queue_lets_in_the_topic_it_names_and_no_other(management, topic):
    other, queue = Topic(management, "other"), Queue(management)
    topic.subscribe(queue, RawMessageDelivery="true")
    # The last subscription sets the policy of the queue: it names the other topic.
    other.subscribe(queue, RawMessageDelivery="true")
    topic.publish("from the first")
    other.publish("from the other")
    assert queue.bodies(WaitTimeSeconds=5) == ["from the other"]
    assert queue.receive() == []


FILTERS = [
    ({"experience": ["exp-1", "exp-2"]}, {"exp-1 2", "exp-2 2"}),
    ({"experience": [{"prefix": "exp-"}], "version": [{"numeric": [">=", 2]}]}, {"exp-1 2", "exp-2 2"}),
    ({"experience": [{"anything-but": ["exp-1"]}]}, {"exp-2 2", "other 1"}),
    ({"missing": [{"exists": False}]}, {"exp-1 2", "exp-2 2", "other 1"}),
    ({"missing": [{"exists": True}]}, set()),
    ({"version": [{"numeric": ["<", 2]}]}, {"other 1"}),
]


@pytest.mark.parametrize(("policy", "expected"), FILTERS, ids=[json.dumps(policy)[:40] for policy, _ in FILTERS])
def test_a_subscription_filters_by_attributes(management, topic, policy, expected):
    queue = Queue(management)
    topic.subscribe(queue, RawMessageDelivery="true", FilterPolicy=json.dumps(policy))
    for experience, version in (("exp-1", "2"), ("exp-2", "2"), ("other", "1")):
        attributes = {"experience": text(experience), "version": {"DataType": "Number", "StringValue": version}}
        topic.publish(f"{experience} {version}", MessageAttributes=attributes)
    # Deliveries are made before `Publish` answers; a short poll of a queue this small sees them all.
    assert set(queue.bodies()) == expected


def test_attributes_of_a_subscription_are_read_and_set(management, topic):
    subscription = topic.subscribe(Queue(management))
    topic.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    attributes = topic.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert attributes["RawMessageDelivery"] == "true"
    assert attributes["TopicArn"] == topic.arn
    assert attributes["Protocol"] == "sqs"
    assert attributes["Owner"] == management.account
    assert attributes["PendingConfirmation"] == "false"


def test_subscribing_again_is_the_same_subscription_unless_its_attributes_differ(management, topic):
    queue = Queue(management)
    first = topic.subscribe(queue, RawMessageDelivery="true")
    assert topic.subscribe(queue, RawMessageDelivery="true") == first
    refused("InvalidParameter", 400, topic.subscribe, queue, RawMessageDelivery="false")


def test_a_batch_is_published(management, topic):
    queue = Queue(management)
    topic.subscribe(queue, RawMessageDelivery="true")
    entries = [
        {"Id": f"id{number}", "Message": f"body {number}", "MessageAttributes": {"n": text(str(number))}}
        for number in range(10)
    ]
    answer = topic.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries)
    assert {one["Id"] for one in answer["Successful"]} == {entry["Id"] for entry in entries}
    assert answer["Failed"] == []
    messages = queue.receive(MessageAttributeNames=["All"])
    assert {m["Body"]: m["MessageAttributes"]["n"]["StringValue"] for m in messages} == {
        f"body {number}": str(number) for number in range(10)
    }


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        ("EmptyBatchRequest", []),
        ("TooManyEntriesInBatchRequest", [{"Id": str(n), "Message": "m"} for n in range(11)]),
        ("BatchEntryIdsNotDistinct", [{"Id": "a", "Message": "m"}] * 2),
    ],
    ids=["empty", "eleven", "twice"],
)
def test_batches_out_of_form_are_refused(management, topic, code, entries):
    call = management.client("sns", checked=False).publish_batch
    refused(code, 400, call, TopicArn=topic.arn, PublishBatchRequestEntries=entries)


def test_a_message_holds_256_kibibytes(management, topic):
    largest = "x" * (256 * 1024)
    queue = Queue(management)
    topic.subscribe(queue, RawMessageDelivery="true")
    topic.publish(largest)
    assert queue.bodies(WaitTimeSeconds=5) == [largest]
    for wrong in (largest + "x", ""):
        call = management.client("sns", checked=False).publish
        refused("InvalidParameter", 400, call, TopicArn=topic.arn, Message=wrong)


def test_a_topic_that_is_not_there_is_not_found(management, topic):
    missing = f"{topic.arn}-not"
    refused("NotFound", 404, topic.sns.publish, TopicArn=missing, Message="m")
    refused("NotFound", 404, topic.sns.list_subscriptions_by_topic, TopicArn=missing)
    queue = Queue(management)
    refused("NotFound", 404, topic.sns.subscribe, TopicArn=missing, Protocol="sqs", Endpoint=queue.arn)


def test_the_cli_creates_subscribes_and_publishes(management):
    arn = management.aws("sns", "create-topic", "--name", "cli").json["TopicArn"]
    queue = Queue(management)
    queue.set(Policy=world.allow({"Service": "sns.amazonaws.com"}, "sqs:SendMessage", queue.arn))
    where = ["--topic-arn", arn]
    raw = ["--attributes", "RawMessageDelivery=true"]
    management.aws("sns", "subscribe", *where, "--protocol", "sqs", "--notification-endpoint", queue.arn, *raw).json
    listed = management.aws("sns", "list-subscriptions-by-topic", *where).json["Subscriptions"]
    assert [one["Endpoint"] for one in listed] == [queue.arn]
    assert management.aws("sns", "publish", *where, "--message", "from the CLI").json["MessageId"]
    assert queue.bodies(WaitTimeSeconds=5) == ["from the CLI"]
    missing = management.aws("sns", "publish", "--topic-arn", f"{arn}-not", "--message", "m")
    assert missing.code == REFUSED
    assert "An error occurred (NotFound) when calling the Publish operation" in missing.err
