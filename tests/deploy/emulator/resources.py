"""The resource types of the templates that moto's CloudFormation lacks.

Each hands a template's properties, as moto has resolved them, to moto's own services, which is what CloudFormation would do; it
makes nothing up. moto finds them because they are subclasses of its `CloudFormationModel`.
"""

import json

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend as lambda_backend
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.events.models import events_backends
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.logs.models import LogGroup
from moto.organizations.models import organizations_backends
from moto.scheduler.models import scheduler_backends
from moto.sns.models import Topic, sns_backends
from moto.sqs.models import Queue, sqs_backends


class Extra:
    """A resource that is known by the name `physical_resource_id`."""

    def __init__(self, name, properties):
        self.physical_resource_id = name
        self.properties = properties

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def create_from_cloudformation_json(cls, name, template, account_id, region_name, **_):
        properties = template["Properties"]
        return cls(cls.make(properties, account_id, region_name) or name, properties)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def is_created(self):
        return True


def region_of(arn):
    return arn.split(":")[3]


def account_of(arn):
    return arn.split(":")[4]


class Subscription(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::SNS::Subscription"

    @staticmethod
    def make(properties, account_id, region_name):
        topic, queue = properties["TopicArn"], properties["Endpoint"]
        # CloudFormation acts for the account in which the stack is: an owner who subscribes another one's queue would
        # have to wait for a confirmation.
        if account_of(queue) != account_id:
            raise ValidationError(message=f"{account_id} is not the owner of {queue}")
        backend = sns_backends[account_of(topic)][region_of(topic)]
        subscription = backend.subscribe(topic, queue, properties["Protocol"])
        # moto by itself delivers within the topic's account alone.
        subscription.account_id = subscription.owner = account_of(queue)
        for name in ("RawMessageDelivery", "FilterPolicy", "RedrivePolicy"):
            if name in properties:
                value = properties[name]
                text = json.dumps(value) if isinstance(value, dict) else str(value).lower()
                backend.set_subscription_attributes(subscription.arn, name, text)
        return subscription.arn

    def delete(self, account_id, region_name):
        topic = self.properties["TopicArn"]
        sns_backends[account_of(topic)][region_of(topic)].unsubscribe(self.physical_resource_id)


class TopicPolicy(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::SNS::TopicPolicy"

    @staticmethod
    def make(properties, account_id, region_name):
        for topic in properties["Topics"]:
            sns_backends[account_id][region_name].set_topic_attribute(topic, "policy", json.dumps(properties["PolicyDocument"]))

    def delete(self, account_id, region_name):
        """The policy goes with its topic."""


class QueuePolicy(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::SQS::QueuePolicy"

    @staticmethod
    def make(properties, account_id, region_name):
        for url in properties["Queues"]:
            attributes = {"Policy": json.dumps(properties["PolicyDocument"])}
            sqs_backends[account_id][region_name].set_queue_attributes(url.rsplit("/", 1)[-1], attributes)

    def delete(self, account_id, region_name):
        """The policy goes with its queue."""


class EventInvokeConfig(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::Lambda::EventInvokeConfig"

    @staticmethod
    def make(properties, account_id, region_name):
        config = {name: value for name, value in properties.items() if name not in ("FunctionName", "Qualifier")}
        lambda_backend(account_id, region_name).put_function_event_invoke_config(properties["FunctionName"], config)

    def delete(self, account_id, region_name):
        """The configuration goes with its function."""


class Alarm(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::CloudWatch::Alarm"

    @staticmethod
    def make(properties, account_id, region_name):
        given = dict(properties)
        cloudwatch_backends[account_id][region_name].put_metric_alarm(
            name=given["AlarmName"],
            namespace=given["Namespace"],
            metric_name=given["MetricName"],
            comparison_operator=given["ComparisonOperator"],
            evaluation_periods=int(given["EvaluationPeriods"]),
            datapoints_to_alarm=int(given["DatapointsToAlarm"]) if given.get("DatapointsToAlarm") else None,
            period=int(given["Period"]),
            threshold=float(given["Threshold"]),
            statistic=given["Statistic"],
            description=given["AlarmDescription"],
            dimensions=given["Dimensions"],
            alarm_actions=given.get("AlarmActions") or [],
            ok_actions=given.get("OKActions") or [],
            treat_missing_data=given["TreatMissingData"],
            tags=given["Tags"],
        )
        return given["AlarmName"]

    def delete(self, account_id, region_name):
        cloudwatch_backends[account_id][region_name].delete_alarms([self.physical_resource_id])


class Schedule(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::Scheduler::Schedule"

    @staticmethod
    def make(properties, account_id, region_name):
        scheduler_backends[account_id][region_name].create_schedule(
            name=properties["Name"],
            description=properties["Description"],
            group_name="default",
            schedule_expression=properties["ScheduleExpression"],
            schedule_expression_timezone="UTC",
            flexible_time_window=properties["FlexibleTimeWindow"],
            target=properties["Target"],
            state=properties["State"],
            start_date=None,
            end_date=None,
            kms_key_arn=None,
            action_after_completion=None,
        )
        return properties["Name"]

    def delete(self, account_id, region_name):
        scheduler_backends[account_id][region_name].delete_schedule("default", self.physical_resource_id)


class EventBusPolicy(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::Events::EventBusPolicy"

    @staticmethod
    def make(properties, account_id, region_name):
        statement = properties["Statement"] | {"Sid": properties["StatementId"]}
        backend = events_backends[account_id][region_name]
        # moto takes a statement of the same principal away, so those that are there are told again with it.
        there = json.loads(backend.describe_event_bus("default").policy or '{"Statement": []}')["Statement"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": [*there, statement]})
        backend.put_permission("default", "", "", "", {}, policy)
        return properties["StatementId"]

    def delete(self, account_id, region_name):
        events_backends[account_id][region_name].remove_permission("default", self.physical_resource_id, False)


class Policy(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::Organizations::Policy"

    @staticmethod
    def make(properties, account_id, region_name):
        backend = organizations_backends[account_id]["aws"]
        made = backend.create_policy(
            Name=properties["Name"],
            Description=properties["Description"],
            Type=properties["Type"],
            Content=json.dumps(properties["Content"]),
            Tags=properties["Tags"],
        )
        id = made["Policy"]["PolicySummary"]["Id"]
        for target in properties["TargetIds"]:
            backend.attach_policy(PolicyId=id, TargetId=target)
        return id

    def delete(self, account_id, region_name):
        backend = organizations_backends[account_id]["aws"]
        for target in self.properties["TargetIds"]:
            backend.detach_policy(PolicyId=self.physical_resource_id, TargetId=target)
        backend.delete_policy(PolicyId=self.physical_resource_id)


# A change set with ImportExistingResources takes over what is there under the name that the template gives; any other fails where
# something is there. AWS asks for a retained resource with a name of its own.

importing = set()  # the change sets that do
adopts = False  # whether the one that is being executed does


def create_change_set(response, plain=CloudFormationResponse.create_change_set):
    made = plain(response)
    if response._get_bool_param("ImportExistingResources", False):
        importing.add(made.result["Id"])
    return made


def execute_change_set(backend, change_set_name, stack_name=None, plain=CloudFormationBackend.execute_change_set):
    global adopts
    named = [id for id, one in backend.change_sets.items() if change_set_name in (id, one.change_set_name)]
    adopts = any(id in importing for id in named)
    try:
        plain(backend, change_set_name, stack_name)
    finally:
        adopts = False
    # moto by itself leaves the outputs of the empty stack that there was before.
    for id in named:
        stack = backend.change_sets[id].stack
        stack.template_dict = backend.change_sets[id].template_dict
        stack.output_map = stack._create_output_map()


CloudFormationResponse.create_change_set = create_change_set
CloudFormationBackend.execute_change_set = execute_change_set


def update_resource(logical_id, resource_json, resources_map, account_id, region_name, plain=parsing.parse_and_update_resource):
    """Without this: an update of a stack knows no conditions. A resource that there was none of is made, and one that is to be no more goes."""
    there = resources_map._parsed_resources.get(logical_id)
    if there is None:
        return parsing.parse_and_create_resource(logical_id, resource_json, resources_map, account_id, region_name)
    condition = resource_json.get("Condition")
    if condition and not resources_map.lazy_condition_map[condition]:
        resources_map._delete_resource(there, resource_json)
        return None
    # Of a type that moto cannot update, it would be forgotten.
    return plain(logical_id, resource_json, resources_map, account_id, region_name) or there


parsing.parse_and_update_resource = update_resource


def load_parameters(resources_map, plain=parsing.ResourceMap.load_parameters):
    """Without this: a list that is to keep its value, in a stack's change set, is none any more."""
    given = resources_map.input_parameters.items()
    resources_map.input_parameters = {name: ",".join(value) if isinstance(value, list) else value for name, value in given}
    plain(resources_map)


parsing.ResourceMap.load_parameters = load_parameters


def taken_over(there, template):
    """What is there already, where it is to be taken over; nothing where it is to be made."""
    if there is None:
        return None
    if not adopts or template.get("DeletionPolicy") != "Retain":
        raise ValidationError(message=f"{template['Type']} is there already")
    return there


# moto's own types, where they drop what a template says.


def amended(resource):
    """Has the function below it make resources of that class; it gets moto's own way to make one as `plain`."""

    def amend(make):
        plain = resource.create_from_cloudformation_json

        def create(cls, name, template, account_id, region_name, **_):
            return make(plain, name, template, account_id, region_name)

        resource.create_from_cloudformation_json = classmethod(create)
        return make

    return amend


def tags_of(properties):
    return {one["Key"]: one["Value"] for one in properties["Tags"]}


@amended(LambdaFunction)
def make_function(_, name, template, account_id, region_name):
    """Without this: no architecture, layers and tags, and what a parameter's type makes of a value: a variable is a text, and a time a
    number."""
    return lambda_backend(account_id, region_name).create_function(function_spec(template["Properties"]) | {"FunctionName": name})


def function_spec(given):
    spec = {key: value for key, value in given.items() if key not in ("LoggingConfig", "Tags") and value is not None}
    return spec | {
        "Timeout": int(given["Timeout"]),
        "MemorySize": int(given["MemorySize"]),
        "Environment": {"Variables": {key: str(value) for key, value in given["Environment"]["Variables"].items()}},
        "Tags": tags_of(given),
    }


def update_function(cls, original_resource, cloudformation_json, plain=LambdaFunction.update_from_cloudformation_json, **rest):
    """The same for one that is there."""
    given = cloudformation_json | {"Properties": function_spec(cloudformation_json["Properties"])}
    return plain(original_resource=original_resource, cloudformation_json=given, **rest)


LambdaFunction.update_from_cloudformation_json = classmethod(update_function)


@amended(Role)
def make_role(plain, name, template, account_id, region_name):
    """Without this: a property that AWS::NoValue takes away is there, as nothing."""
    given = {key: value for key, value in template["Properties"].items() if value is not None}
    return plain(name, template | {"Properties": given}, account_id, region_name)


@amended(ManagedPolicy)
def make_managed_policy(plain, name, template, account_id, region_name):
    """Without this: what AWS::NoValue takes away is there, as nothing: a path, or a statement."""
    given = {key: value for key, value in template["Properties"].items() if value is not None}
    document = given["PolicyDocument"]
    given["PolicyDocument"] = document | {"Statement": [one for one in document["Statement"] if one]}
    return plain(name, template | {"Properties": given}, account_id, region_name)


def delete_managed_policy(_, resource_name, template, account_id, region_name):
    """Without this: a policy outlives its stack. `resource_name` is its ARN."""
    iam_backends[account_id]["aws"].delete_policy(resource_name)


ManagedPolicy.delete_from_cloudformation_json = classmethod(delete_managed_policy)


@amended(Table)
def make_table(plain, name, template, account_id, region_name):
    """Without this: no encryption and no recovery."""
    there = taken_over(dynamodb_backends[account_id][region_name].tables.get(name), template)
    if there:
        return there
    given = template["Properties"]
    sse = given.pop("SSESpecification")
    sse = {"Enabled": sse["SSEEnabled"]} | {key: value for key, value in sse.items() if key in ("SSEType", "KMSMasterKeyId")}
    made = plain(name, template | {"Properties": given | {"SSESpecification": sse}}, account_id, region_name)
    backups = given["PointInTimeRecoverySpecification"]
    dynamodb_backends[account_id][region_name].update_continuous_backups(name, backups)
    return made


@amended(LogGroup)
def make_log_group(plain, name, template, account_id, region_name):
    """Without this: no key."""
    made = plain(name, template, account_id, region_name)
    made.kms_key_id = template["Properties"].get("KmsKeyId")
    return made


@amended(Topic)
def make_topic(plain, name, template, account_id, region_name):
    """Without this: no tags."""
    arn = f"arn:aws:sns:{region_name}:{account_id}:{name}"
    there = taken_over(sns_backends[account_id][region_name].topics.get(arn), template)
    if there:
        return there
    made = plain(name, template, account_id, region_name)
    made._tags = tags_of(template["Properties"])
    return made


def update_topic(cls, original_resource, **_):
    """As AWS does: moto would make another topic in its place, and every subscription would be gone."""
    return original_resource


Topic.update_from_cloudformation_json = classmethod(update_topic)


def log_group_attribute(group, _):
    """As AWS says it; moto leaves the end out."""
    return f"{group.arn}:*"


LogGroup.get_cfn_attribute = log_group_attribute


def queue_attributes(queue, plain=Queue.attributes.fget):
    """moto keeps this policy, and says nothing of it."""
    found = plain(queue)
    policy = getattr(queue, "redrive_allow_policy", None)
    if policy:
        found["RedriveAllowPolicy"] = json.dumps(policy) if isinstance(policy, dict) else policy
    return found


Queue.attributes = property(queue_attributes)
