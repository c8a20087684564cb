//! What a template becomes when it is deployed with parameters: names, ARNs, policies. As much of
//! CloudFormation as this repository's templates use; what is not known here fails the test instead
//! of being passed over.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::template;

pub(crate) const REGION: &str = "us-east-1";

/// A template with its parameters, in an account.
#[derive(Clone)]
pub(crate) struct Stack {
    /// The template's path, for messages.
    path: String,
    account: String,
    template: Value,
    parameters: BTreeMap<String, Value>,
}

impl Stack {
    /// The template at `path`; parameters that are not given have their defaults. CloudFormation
    /// takes them.
    pub(crate) fn new(path: &str, account: &str, given: &[(&str, &str)]) -> Self {
        let stack = Self::asked_for(path, account, given);
        let refusals = stack.refusals();
        assert!(refusals.is_empty(), "{path}: {refusals:?}");
        stack
    }

    /// The same, whether CloudFormation takes them or not.
    pub(crate) fn asked_for(path: &str, account: &str, given: &[(&str, &str)]) -> Self {
        let template = template::read(path);
        let mut parameters = BTreeMap::new();
        for (name, declared) in template["Parameters"].as_object().into_iter().flatten() {
            let given = given.iter().find(|(given, _)| given == name).map(|(_, value)| (*value).to_owned());
            let value = given.unwrap_or_else(|| match &declared["Default"] {
                Value::Null => panic!("{path} wants the parameter {name}"),
                default => text(default),
            });
            let list = declared["Type"].as_str().is_some_and(|kind| kind.contains("List"));
            let list = list.then(|| value.split(',').filter(|item| !item.is_empty()).collect::<Vec<_>>());
            parameters.insert(name.clone(), list.map_or_else(|| json!(value), |list| json!(list)));
        }
        for (name, _) in given {
            assert!(parameters.contains_key(*name), "{path} has no parameter {name}");
        }
        Self { path: path.to_owned(), account: account.to_owned(), template, parameters }
    }

    /// The template at `path`, whose parameters are the outputs of `before` by the same names, and
    /// `own`.
    pub(crate) fn after(path: &str, account: &str, before: &Self, own: &[(&str, &str)]) -> Self {
        let outputs = before.outputs();
        let declared = template::read(path);
        let handed = outputs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let handed = handed.filter(|(name, _)| declared["Parameters"].get(name).is_some());
        Self::new(path, account, &handed.chain(own.iter().copied()).collect::<Vec<_>>())
    }

    /// The same template with another value of a parameter that is a text.
    pub(crate) fn with(mut self, parameter: &str, value: &str) -> Self {
        let known = self.parameters.insert(parameter.to_owned(), json!(value));
        assert!(known.is_some_and(|known| known.is_string()), "{} has no text {parameter}", self.path);
        self
    }

    /// What the template has against its parameters: those that are too long, and the assertions of
    /// its rules that do not hold.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let declared = self.template["Parameters"].as_object().into_iter().flatten();
        let too_long = declared.filter(|(name, declared)| {
            let most = declared["MaxLength"].as_u64().unwrap_or(4096);
            u64::try_from(text(&self.parameters[*name]).len()).unwrap() > most
        });
        let too_long = too_long.map(|(name, declared)| format!("{name}: {}", text(&declared["ConstraintDescription"])));
        let rules = self.template["Rules"].as_object().into_iter().flatten();
        let applies = |rule: &Value| rule.get("RuleCondition").is_none_or(|condition| self.condition(condition));
        let rules = rules.map(|(_, rule)| rule).filter(|rule| applies(rule));
        let assertions = rules.flat_map(|rule| rule["Assertions"].as_array().expect("a rule has assertions"));
        let broken = assertions.filter(|assertion| !self.condition(&assertion["Assert"]));
        too_long.chain(broken.map(|assertion| text(&assertion["AssertDescription"]))).collect()
    }

    /// The logical names of the resources of a type, those left out whose condition is not met.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<&str> {
        let resources = self.template["Resources"].as_object().expect("a template has resources");
        let wanted = |(_, resource): &(&String, &Value)| resource["Type"] == kind && self.exists(resource);
        resources.iter().filter(wanted).map(|(name, _)| name.as_str()).collect()
    }

    /// The properties of a resource.
    pub(crate) fn properties(&self, logical: &str) -> Value {
        self.resolve(&self.resource(logical)["Properties"]).unwrap_or_else(|| json!({}))
    }

    /// The outputs by name.
    pub(crate) fn outputs(&self) -> BTreeMap<String, String> {
        let outputs = self.template["Outputs"].as_object().into_iter().flatten();
        outputs
            .filter(|(_, output)| self.exists(output))
            .filter_map(|(name, output)| Some((name.clone(), text(&self.resolve(&output["Value"])?))))
            .collect()
    }

    /// The ARN of a resource.
    pub(crate) fn arn(&self, logical: &str) -> String {
        let name = self.physical_name(logical);
        let (service, region, path) = match self.kind(logical) {
            "AWS::DynamoDB::Table" => ("dynamodb", REGION, format!("table/{name}")),
            "AWS::Events::Rule" => ("events", REGION, format!("rule/{name}")),
            "AWS::IAM::Role" => {
                let path = self.resource(logical)["Properties"].get("Path").and_then(|path| self.resolve(path));
                ("iam", "", format!("role{}{name}", path.map_or_else(|| "/".to_owned(), |path| text(&path))))
            }
            "AWS::Lambda::Function" => ("lambda", REGION, format!("function:{name}")),
            "AWS::Logs::LogGroup" => ("logs", REGION, format!("log-group:{name}:*")),
            "AWS::SNS::Topic" => ("sns", REGION, name),
            "AWS::SQS::Queue" => ("sqs", REGION, name),
            other => panic!("{}: the ARN of a {other} is not known here", self.path),
        };
        format!("arn:aws:{service}:{region}:{}:{path}", self.account)
    }

    fn resource(&self, logical: &str) -> &Value {
        let resource = &self.template["Resources"][logical];
        assert!(!resource.is_null(), "{} has no resource {logical}", self.path);
        resource
    }

    fn kind(&self, logical: &str) -> &str {
        self.resource(logical)["Type"].as_str().expect("a resource has a type")
    }

    fn physical_name(&self, logical: &str) -> String {
        let properties = &self.resource(logical)["Properties"];
        let named = ["TableName", "TopicName", "QueueName", "FunctionName", "RoleName", "LogGroupName", "Name"];
        let name = named.iter().find_map(|name| self.resolve(properties.get(name)?));
        name.map_or_else(|| format!("generated-{logical}"), |name| text(&name))
    }

    fn exists(&self, declared: &Value) -> bool {
        declared["Condition"].as_str().is_none_or(|name| self.condition(&self.template["Conditions"][name]))
    }

    fn condition(&self, condition: &Value) -> bool {
        let (function, argument) = only(condition).unwrap_or_else(|| panic!("{}: {condition}", self.path));
        let all = || argument.as_array().expect("a list of conditions").iter();
        match function {
            "Fn::Equals" => {
                self.resolve(&argument[0]).map(|v| text(&v)) == self.resolve(&argument[1]).map(|v| text(&v))
            }
            "Fn::Contains" => {
                let wanted = self.resolve(&argument[1]).map(|v| text(&v));
                let listed = argument[0].as_array().expect("a list of texts");
                listed.iter().any(|one| self.resolve(one).map(|v| text(&v)) == wanted)
            }
            "Fn::Not" => !self.condition(&argument[0]),
            "Fn::And" => all().all(|condition| self.condition(condition)),
            "Fn::Or" => all().any(|condition| self.condition(condition)),
            "Condition" => self.condition(&self.template["Conditions"][argument.as_str().expect("a name")]),
            other => panic!("{}: the condition {other} is not known here", self.path),
        }
    }

    /// A value without functions; nothing for `AWS::NoValue`.
    fn resolve(&self, value: &Value) -> Option<Value> {
        if let Some((function, argument)) = only(value)
            && (function == "Ref" || function.starts_with("Fn::"))
        {
            return self.call(function, argument);
        }
        Some(match value {
            Value::Array(items) => items.iter().filter_map(|item| self.resolve(item)).collect(),
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| Some((name.clone(), self.resolve(value)?));
                Value::Object(fields.iter().filter_map(field).collect::<Map<_, _>>())
            }
            other => other.clone(),
        })
    }

    fn call(&self, function: &str, argument: &Value) -> Option<Value> {
        let list = |value: &Value| match self.resolve(value) {
            Some(Value::Array(items)) => items.iter().map(text).collect::<Vec<_>>(),
            other => panic!("{}: {function} of {other:?}", self.path),
        };
        let one = |value: &Value| text(&self.resolve(value).expect("a value"));
        Some(match function {
            "Ref" => return self.reference(argument.as_str().expect("a name")),
            "Fn::GetAtt" => json!(self.attribute(&one(&argument[0]), &one(&argument[1]))),
            "Fn::Sub" => json!(self.substitute(argument)),
            "Fn::Join" => json!(list(&argument[1]).join(&one(&argument[0]))),
            "Fn::Split" => json!(one(&argument[1]).split(&one(&argument[0])).collect::<Vec<_>>()),
            "Fn::Select" => json!(list(&argument[1])[one(&argument[0]).parse::<usize>().expect("a number")]),
            "Fn::FindInMap" => {
                let [map, first, second] = [0, 1, 2].map(|at| one(&argument[at]));
                self.template["Mappings"][map][first][second].clone()
            }
            "Fn::If" => {
                let name = argument[0].as_str().expect("a condition's name");
                let chosen = if self.condition(&self.template["Conditions"][name]) { 1 } else { 2 };
                return self.resolve(&argument[chosen]);
            }
            other => panic!("{}: the function {other} is not known here", self.path),
        })
    }

    fn reference(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Some(value.clone());
        }
        let value = match name {
            "AWS::NoValue" => return None,
            "AWS::AccountId" => self.account.clone(),
            "AWS::Partition" => "aws".into(),
            "AWS::Region" => REGION.into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            "AWS::StackName" => "stack".into(),
            logical => match self.kind(logical) {
                "AWS::SNS::Topic" => self.arn(logical),
                "AWS::SQS::Queue" => {
                    format!("https://sqs.{REGION}.amazonaws.com/{}/{}", self.account, self.physical_name(logical))
                }
                _ => self.physical_name(logical),
            },
        };
        Some(json!(value))
    }

    fn attribute(&self, logical: &str, attribute: &str) -> String {
        match attribute {
            "Arn" | "TopicArn" => self.arn(logical),
            "QueueName" | "TopicName" => self.physical_name(logical),
            other => panic!("{}: the attribute {logical}.{other} is not known here", self.path),
        }
    }

    /// `Fn::Sub`, with or without variables of its own.
    fn substitute(&self, argument: &Value) -> String {
        let (template, own) = match argument {
            Value::Array(both) => (text(&both[0]), both[1].clone()),
            template => (text(template), json!({})),
        };
        let mut made = String::new();
        let mut rest = template.as_str();
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            let end = from.find('}').expect("`${` has its `}`");
            let name = &from[2..end];
            made.push_str(before);
            // `${!x}` stands for `${x}` itself: a policy variable.
            let value = match (name.strip_prefix('!'), own.get(name), name.split_once('.')) {
                (Some(literal), _, _) => format!("${{{literal}}}"),
                (_, Some(value), _) => text(&self.resolve(value).expect("a value")),
                (_, _, Some((logical, attribute))) => self.attribute(logical, attribute),
                _ => text(&self.reference(name).expect("a value")),
            };
            made.push_str(&value);
            rest = &from[end + 1..];
        }
        made + rest
    }
}

/// The only entry of an object.
fn only(value: &Value) -> Option<(&str, &Value)> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.iter().next().map(|(name, value)| (name.as_str(), value))
}

/// A scalar as CloudFormation passes it on: as text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
