"""The resource types of the templates that moto's CloudFormation lacks.

Each hands a template's properties, as moto has resolved them, to moto's own services, which is what CloudFormation would do; it
makes nothing up. moto finds them because they are subclasses of its `CloudFormationModel`.
"""

import json

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend as lambda_backend
from moto.cloudformation.exceptions import ValidationError
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.events.models import events_backends
from moto.organizations.models import organizations_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends


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


class EventBusPolicy(Extra, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::Events::EventBusPolicy"

    @staticmethod
    def make(properties, account_id, region_name):
        statement = properties["Statement"] | {"Sid": properties["StatementId"]}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        events_backends[account_id][region_name].put_permission("default", "", "", "", {}, policy)
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


def create_function(cls, resource_name, cloudformation_json, account_id, region_name, **_):
    """moto's own drops architecture, layers and tags, and makes a variable whose parameter is a number no text."""
    given = cloudformation_json["Properties"]
    variables = {name: str(value) for name, value in given["Environment"]["Variables"].items()}
    spec = {name: value for name, value in given.items() if name not in ("LoggingConfig", "Tags") and value is not None}
    spec |= {
        "FunctionName": resource_name,
        "Environment": {"Variables": variables},
        "Tags": {one["Key"]: one["Value"] for one in given["Tags"]},
    }
    return lambda_backend(account_id, region_name).create_function(spec)


LambdaFunction.create_from_cloudformation_json = classmethod(create_function)
