//! DynamoDB: resolves tables by ARN, in the account that owns them, and asks IAM about each call.

use awsim_core::{AwsError, RequestContext, ServiceHandler};
use serde_json::{Map, Value, json};

use super::access::{Denied, Question};
use super::large_binaries::{cut_page, has_room, page_end, size_of_page};
use super::{Call, Cloud, account_in, journal};

impl Cloud {
    pub(super) async fn answer_dynamodb(
        &self,
        operation: &str,
        mut input: Value,
        call: &Call,
    ) -> Result<Value, AwsError> {
        let tables = Tables::take(&mut input)?;
        let owner = tables.owner.as_deref().unwrap_or_else(|| call.caller.account()).to_owned();
        let context = call.context("dynamodb", &owner);
        self.authorize_dynamodb(operation, &input, call, &context).await?;
        self.binaries.take_out(operation, &mut input)?;
        let pages = matches!(operation, "Query" | "Scan") && input.get("IndexName").is_none();
        let table = input["TableName"].clone();
        let written = journal::ledger_writes(operation, &input);
        // If a filter or a projection leaves something out, the answer does not show how much was
        // read.
        let whole = pages
            && ["FilterExpression", "ProjectionExpression", "Select", "QueryFilter", "ScanFilter", "AttributesToGet"]
                .iter()
                .all(|field| input.get(*field).is_none());
        let asked = whole.then(|| input.clone());
        let mut answer = self.dynamodb.handle(operation, input, &context).await?;
        self.note_written(written);
        self.binaries.put_back(&mut answer);
        if let Some(asked) = asked {
            self.fill_page(operation, asked, &mut answer, &context).await?;
        }
        if let Some(kept) = page_end(&answer).filter(|_| pages) {
            cut_page(&mut answer, kept, &self.table_key(table, &context).await);
        }
        tables.restore(&mut answer);
        Ok(answer)
    }

    /// Continues where awsim has ended a page of whole items too early: awsim counts the bytes of
    /// their JSON text, DynamoDB those of names and values. `asked` is the request of the page.
    async fn fill_page(
        &self,
        operation: &str,
        mut asked: Value,
        answer: &mut Value,
        context: &RequestContext,
    ) -> Result<(), AwsError> {
        let mut size = size_of_page(answer);
        while has_room(size) && answer.get("LastEvaluatedKey").is_some() {
            let counted = answer["ScannedCount"].as_u64().unwrap_or_default();
            match asked["Limit"].as_u64().map(|limit| limit.saturating_sub(counted)) {
                Some(0) => break,
                Some(left) => asked["Limit"] = left.into(),
                None => {}
            }
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"].take();
            let mut more = self.dynamodb.handle(operation, asked.clone(), context).await?;
            self.binaries.put_back(&mut more);
            size += size_of_page(&more);
            join_pages(answer, more);
        }
        if let Some(capacity) = answer.get_mut("ConsumedCapacity") {
            let units = read_units(size, asked["ConsistentRead"] == true);
            for place in ["/CapacityUnits", "/ReadCapacityUnits", "/Table/CapacityUnits", "/Table/ReadCapacityUnits"] {
                if let Some(told) = capacity.pointer_mut(place) {
                    *told = units.into();
                }
            }
        }
        Ok(())
    }

    async fn authorize_dynamodb(
        &self,
        operation: &str,
        input: &Value,
        call: &Call,
        context: &RequestContext,
    ) -> Result<(), AwsError> {
        let crosses = call.caller.account() != context.account_id;
        for check in self.dynamodb.iam_checks_with_context(operation, input, context) {
            let policy = if crosses { self.table_policy(&check.resource, context).await } else { None };
            let question = Question {
                caller: &call.caller,
                action: &check.action,
                resource: &check.resource,
                owner: &context.account_id,
                resource_policy: policy.as_deref(),
                conditions: check.context,
            };
            let refused = |denied: Denied| AwsError::bad_request("AccessDeniedException", denied.0);
            self.access.decide(question).map_err(refused)?;
        }
        Ok(())
    }

    /// The attributes of a table's key.
    async fn table_key(&self, table: Value, context: &RequestContext) -> Vec<String> {
        let described = self.dynamodb.handle("DescribeTable", json!({ "TableName": table }), context).await;
        let schema = described.unwrap_or_default()["Table"]["KeySchema"].take();
        let names = schema.as_array().into_iter().flatten();
        names.filter_map(|key| key["AttributeName"].as_str().map(str::to_owned)).collect()
    }

    async fn table_policy(&self, arn: &str, context: &RequestContext) -> Option<String> {
        let table = arn.split("/index/").next().unwrap_or(arn);
        let answer = self.dynamodb.handle("GetResourcePolicy", json!({ "ResourceArn": table }), context).await.ok()?;
        answer["Policy"].as_str().map(str::to_owned)
    }
}

/// The read units of this number of bytes: one for each 4 KiB, half as much for an eventually
/// consistent read.
fn read_units(size: usize, consistent: bool) -> f64 {
    let blocks = u32::try_from(size.div_ceil(4 * 1024).max(1)).unwrap_or(u32::MAX);
    f64::from(blocks) * if consistent { 1.0 } else { 0.5 }
}

/// Appends the items of the next page to a page.
fn join_pages(page: &mut Value, mut next: Value) {
    if let (Some(items), Some(more)) = (page["Items"].as_array_mut(), next["Items"].as_array_mut()) {
        items.append(more);
    }
    for count in ["Count", "ScannedCount"] {
        let sum = [&*page, &next].map(|page| page[count].as_u64().unwrap_or_default()).iter().sum::<u64>();
        page[count] = sum.into();
    }
    if let Some(page) = page.as_object_mut() {
        match next.get_mut("LastEvaluatedKey") {
            Some(key) => page.insert("LastEvaluatedKey".into(), key.take()),
            None => page.remove("LastEvaluatedKey"),
        };
    }
}

/// The tables of a request, which may be named by ARN. DynamoDB permits ARNs everywhere, awsim
/// almost nowhere.
#[derive(Default)]
struct Tables {
    /// The account in the ARNs; `None` if the request has names only.
    owner: Option<String>,
    /// By table name, the ARN that the caller used. Answers name the tables as the caller did.
    arns: Map<String, Value>,
}

impl Tables {
    /// Replaces every table ARN of a request by the table's name.
    fn take(input: &mut Value) -> Result<Self, AwsError> {
        let mut tables = Self::default();
        tables.take_name(input)?;
        if let Some(items) = input.get_mut("TransactItems").and_then(Value::as_array_mut) {
            for request in items.iter_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
                tables.take_name(request)?;
            }
        }
        if let Some(Value::Object(requests)) = input.get_mut("RequestItems") {
            for (mut table, request) in std::mem::take(requests) {
                if let Some(name) = tables.name_of(&table)? {
                    tables.arns.insert(name.clone(), Value::String(table));
                    table = name;
                }
                requests.insert(table, request);
            }
        }
        Ok(tables)
    }

    fn take_name(&mut self, request: &mut Value) -> Result<(), AwsError> {
        let name = match request.get("TableName").and_then(Value::as_str) {
            Some(table) => self.name_of(table)?,
            None => None,
        };
        if let Some(name) = name {
            request["TableName"] = Value::String(name);
        }
        Ok(())
    }

    /// The name in a table's ARN; `None` if `table` is a name already.
    fn name_of(&mut self, table: &str) -> Result<Option<String>, AwsError> {
        let Some((_, name)) = table.split_once(":table/") else { return Ok(None) };
        let owner = account_in(table).map(str::to_owned);
        if self.owner.is_some() && self.owner != owner {
            let message = "All tables of a request must be in one account";
            return Err(AwsError::validation(message));
        }
        self.owner = owner;
        Ok(Some(name.to_owned()))
    }

    /// Puts the ARNs back into an answer that is keyed by table.
    fn restore(&self, answer: &mut Value) {
        for field in ["Responses", "UnprocessedKeys", "UnprocessedItems"] {
            let Some(Value::Object(by_table)) = answer.get_mut(field) else { continue };
            for (name, arn) in &self.arns {
                if let (Some(items), Some(arn)) = (by_table.remove(name), arn.as_str()) {
                    by_table.insert(arn.to_owned(), items);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_become_names_and_come_back() {
        let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/t";
        let mut input = json!({
            "TableName": arn,
            "TransactItems": [{ "Put": { "TableName": arn } }],
            "RequestItems": { arn: [], "plain": [] },
        });
        let tables = Tables::take(&mut input).unwrap();
        assert_eq!(tables.owner.as_deref(), Some("111111111111"));
        assert_eq!(
            input,
            json!({ "TableName": "t", "TransactItems": [{ "Put": { "TableName": "t" } }], "RequestItems": { "t": [], "plain": [] } })
        );
        let mut answer = json!({ "Responses": { "t": [1], "plain": [2] } });
        tables.restore(&mut answer);
        assert_eq!(answer, json!({ "Responses": { arn: [1], "plain": [2] } }));
    }

    #[test]
    fn two_accounts_in_one_request_are_refused() {
        let arn = |account: &str| format!("arn:aws:dynamodb:us-east-1:{account}:table/t");
        let mut input = json!({ "RequestItems": { arn("111111111111"): [], arn("222222222222"): [] } });
        assert!(Tables::take(&mut input).is_err());
    }
}
