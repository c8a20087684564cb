//! The catalogs of the accounts, as the people in them see them: what the demo looks at, and where
//! it changes something.

use std::collections::HashMap;

use anyhow::{Context, anyhow};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_marketplacecatalog::Client;
use aws_sdk_marketplacecatalog::error::DisplayErrorContext;
use aws_sdk_marketplacecatalog::types::{Change, ChangeStatus, Entity};
use aws_smithy_types::Document;
use pmp_catalog::{Catalog, PolicyId, RateLimits, SdkCatalog};

use super::lists::Lists;
use super::products::Product;

const CATALOG: &str = "AWSMarketplace";

/// One account at the embedded AWS.
#[derive(Debug)]
pub(super) struct Account {
    catalog: SdkCatalog,
    client: Client,
}

impl Account {
    /// The account with that number.
    pub(super) fn new(endpoint: &str, region: &str, number: &str) -> Self {
        let credentials = Credentials::new(number, "demo", None, None, "pmp-local demo");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self { catalog: SdkCatalog::new(&config, RateLimits::default()), client: Client::new(&config) }
    }

    /// What procurement policies say at this moment, in the order asked.
    pub(super) async fn lists(&self, policies: &[PolicyId]) -> anyhow::Result<Vec<Lists>> {
        let answers = self.catalog.describe_policies(policies).await.into_iter();
        let lists = answers.map(|answer| {
            let policy = answer.context("cannot look into a catalog")?;
            Ok(Lists { approved: policy.approved, rejected: policy.rejected })
        });
        lists.collect()
    }

    /// Approves and rejects products of an experience in one change set; its id.
    pub(super) async fn change(
        &self,
        experience: &str,
        approve: &[Product],
        reject: &[Product],
    ) -> anyhow::Result<String> {
        let change = |change_type: &str, products: &[Product]| {
            let entity = Entity::builder().r#type("Experience@1.0").identifier(experience).build()?;
            Change::builder().change_type(change_type).entity(entity).details_document(details(products)).build()
        };
        let call = self.client.start_change_set().catalog(CATALOG).change_set_name("A person at the catalog");
        let call = call
            .change_set(change("AllowProductProcurement", approve)?)
            .change_set(change("DenyProductProcurement", reject)?);
        let answer = call.send().await.map_err(|e| anyhow!("the change was refused: {}", DisplayErrorContext(e)))?;
        answer.change_set_id.context("the change set has no id")
    }

    /// Whether a change set has been applied.
    pub(super) async fn is_applied(&self, change_set: &str) -> anyhow::Result<bool> {
        let answer = self.client.describe_change_set().catalog(CATALOG).change_set_id(change_set).send().await;
        let answer = answer.map_err(|e| anyhow!("cannot look at the change: {}", DisplayErrorContext(e)))?;
        match answer.status() {
            Some(ChangeStatus::Succeeded) => Ok(true),
            Some(ChangeStatus::Preparing | ChangeStatus::Applying) => Ok(false),
            Some(other) => Err(anyhow!("the change did not succeed: it is {}", other.as_str())),
            None => Err(anyhow!("the change has no status")),
        }
    }

    /// How many change sets the account has started.
    pub(super) async fn change_sets(&self) -> anyhow::Result<usize> {
        let mut pages = self.client.list_change_sets().catalog(CATALOG).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| anyhow!("cannot list change sets: {}", DisplayErrorContext(e)))?;
            count += page.change_set_summary_list().len();
        }
        Ok(count)
    }
}

/// `{"Products": [{"Ids": […], "Notes": "…"}, …]}`: a group for each product, since each has its
/// own labels.
fn details(products: &[Product]) -> Document {
    let group = |product: &Product| {
        let ids = Document::Array(vec![Document::String(product.id.to_string())]);
        object([("Ids", ids), ("Notes", Document::String(product.note()))])
    };
    object([("Products", Document::Array(products.iter().map(group).collect()))])
}

fn object<const N: usize>(fields: [(&str, Document); N]) -> Document {
    Document::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<HashMap<_, _>>())
}
