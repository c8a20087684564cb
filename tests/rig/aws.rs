//! AWS as a person or another program sees it: the official SDK clients, as any account.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_marketplacecatalog::operation::start_change_set::StartChangeSetError;
use aws_sdk_marketplacecatalog::types::{Change, ChangeStatus, Entity};
use aws_smithy_types::Document;
use aws_types::SdkConfig;
use serde_json::Value;

use crate::within;

/// Clients for one endpoint, as one account.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    catalog: aws_sdk_marketplacecatalog::Client,
}

/// The lists of an experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// The ids of approved products.
    pub approved: BTreeSet<String>,
    /// The ids of rejected products.
    pub rejected: BTreeSet<String>,
}

impl Lists {
    /// Lists with these products.
    pub fn new(approved: &[&str], rejected: &[&str]) -> Self {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Self { approved: set(approved), rejected: set(rejected) }
    }
}

impl Aws {
    /// Clients that act as `account` at `endpoint`.
    pub fn new(endpoint: &str, account: &str) -> Self {
        let config = pmp_test_clients::account(endpoint, account);
        let catalog = aws_sdk_marketplacecatalog::Client::new(&config);
        Self { config, catalog }
    }

    /// For clients of other services.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The lists of an experience, as the catalog tells them now.
    pub async fn lists(&self, experience: &str) -> Lists {
        let details = self.describe(experience).await;
        let policy = details["ProcurementPolicies"][0].as_str().unwrap().to_owned();
        let read = pmp_test_clients::lists(&self.describe(&policy).await);
        Lists { approved: read.approved.into_iter().collect(), rejected: read.rejected.into_iter().collect() }
    }

    /// Whether users may request products in an experience: `Allow` or `Deny`.
    pub async fn resource_requests(&self, experience: &str) -> String {
        let details = self.describe(experience).await;
        let policy = self.describe(details["ProcurementPolicies"][0].as_str().unwrap()).await;
        policy["Configuration"]["PolicyResourceRequests"].as_str().unwrap().to_owned()
    }

    async fn describe(&self, entity: &str) -> Value {
        let call = self.catalog.describe_entity().catalog("AWSMarketplace").entity_id(entity);
        serde_json::from_str(call.send().await.unwrap().details().unwrap()).unwrap()
    }

    /// How many change sets the account has started.
    pub async fn change_sets(&self) -> usize {
        let pages = self.catalog.list_change_sets().catalog("AWSMarketplace").into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        pages.iter().map(|page| page.change_set_summary_list().len()).sum()
    }

    /// Approves products, as a person at the console does, and waits until it is done.
    pub async fn approve(&self, experience: &str, products: &[&str]) {
        self.change(experience, "AllowProductProcurement", products).await;
    }

    /// Rejects products, as a person at the console does, and waits until it is done.
    pub async fn reject(&self, experience: &str, products: &[&str]) {
        self.change(experience, "DenyProductProcurement", products).await;
    }

    async fn change(&self, experience: &str, change_type: &str, products: &[&str]) {
        let change = pmp_test_clients::change(change_type, experience, products);
        // A person who is told that another change set holds the experience tries again.
        let id = within(Duration::from_secs(30), "the experience is free", async || {
            let call = self.catalog.start_change_set().catalog("AWSMarketplace").change_set(change.clone());
            match call.send().await {
                Ok(started) => Ok(started.change_set_id.unwrap()),
                Err(error)
                    if error.as_service_error().is_some_and(StartChangeSetError::is_resource_in_use_exception) =>
                {
                    Err(error.to_string())
                }
                Err(error) => panic!("{error:?}"),
            }
        })
        .await;
        within(Duration::from_secs(30), "the change set", async || {
            let call = self.catalog.describe_change_set().catalog("AWSMarketplace").change_set_id(&id);
            match call.send().await.unwrap().status {
                Some(ChangeStatus::Succeeded) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// Requests a product, as a user of a private marketplace does; the request's id.
    pub async fn request_product(&self, product: &str) -> String {
        let details = HashMap::from([("ProductId".to_owned(), Document::String(product.to_owned()))]);
        self.change_request("CreateProductProcurementRequest", None, Document::Object(details)).await
    }

    /// Approves a request, as an administrator does.
    pub async fn approve_request(&self, request: &str) {
        let details = Document::Object(HashMap::new());
        self.change_request("ApproveProductProcurementRequest", Some(request), details).await;
    }

    async fn change_request(&self, change_type: &str, request: Option<&str>, details: Document) -> String {
        let entity =
            Entity::builder().r#type("ProductProcurementRequest@1.0").set_identifier(request.map(str::to_owned));
        let change = Change::builder().change_type(change_type).entity(entity.build().unwrap());
        let change = change.details_document(details).build().unwrap();
        let call = self.catalog.start_change_set().catalog("AWSMarketplace").change_set(change);
        let id = call.send().await.unwrap().change_set_id.unwrap();
        within(Duration::from_secs(30), "the change set", async || {
            let call = self.catalog.describe_change_set().catalog("AWSMarketplace").change_set_id(&id);
            let answer = call.send().await.unwrap();
            match answer.status {
                Some(ChangeStatus::Succeeded) => {
                    let made = answer.change_set()[0].entity().unwrap().identifier().unwrap_or_default();
                    Ok(made.split('@').next().unwrap_or_default().to_owned())
                }
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// The URL of a queue of the account.
    pub async fn queue_url(&self, name: &str) -> String {
        let client = aws_sdk_sqs::Client::new(&self.config);
        client.get_queue_url().queue_name(name).send().await.unwrap().queue_url.unwrap()
    }

    /// How many messages wait in a queue, visible or not.
    pub async fn waiting(&self, queue_url: &str) -> usize {
        use aws_sdk_sqs::types::QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesNotVisible as Hidden,
        };
        let client = aws_sdk_sqs::Client::new(&self.config);
        let call = client.get_queue_attributes().queue_url(queue_url).attribute_names(Visible).attribute_names(Hidden);
        let attributes = call.send().await.unwrap().attributes.unwrap_or_default();
        [Visible, Hidden].iter().filter_map(|name| attributes.get(name)?.parse::<usize>().ok()).sum()
    }

    /// Puts a message into a queue, past the topic.
    pub async fn send(&self, queue_url: &str, body: &str) {
        let client = aws_sdk_sqs::Client::new(&self.config);
        client.send_message().queue_url(queue_url).message_body(body).send().await.unwrap();
    }
}
