//! The catalogs of the accounts, as the people in them see them: what the demo looks at, and where
//! it changes something.

use std::collections::HashMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_marketplacecatalog::Client;
use aws_sdk_marketplacecatalog::error::{BuildError, DisplayErrorContext};
use aws_sdk_marketplacecatalog::types::{Change, ChangeStatus, Entity};
use aws_smithy_types::Document;
use pmp_catalog::{Catalog, CatalogError, PolicyId, RateLimits, SdkCatalog};
use pmp_protocol::Hint;

use super::lists::Lists;
use super::products::Product;

const CATALOG: &str = "AWSMarketplace";

/// Why an account's catalog could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AccountError {
    #[error("cannot look into a catalog")]
    Look(#[source] CatalogError),
    #[error("the change was refused: {0}")]
    Refused(String),
    #[error("the change set has no id")]
    NoId,
    #[error("cannot look at the change: {0}")]
    NotSeen(String),
    #[error("the change did not succeed: it is {0}")]
    NotDone(String),
    #[error("the change has no status")]
    NoStatus,
    #[error("cannot list change sets: {0}")]
    List(String),
}

pmp_protocol::codes!(AccountError {
    Look(source) => source,
    Refused => "E3025",
    NoId => "E3026",
    NotSeen => "E3027",
    NotDone => "E3028",
    NoStatus => "E3029",
    List => "E3030",
});

impl Hint for AccountError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Look(source) => source.hint(),
            Self::Refused(_) | Self::NoId | Self::NotSeen(_) | Self::NotDone(_) | Self::NoStatus | Self::List(_) => {
                None
            }
        }
    }
}

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
    pub(super) async fn lists(&self, policies: &[PolicyId]) -> Result<Vec<Lists>, AccountError> {
        let answers = self.catalog.describe_policies(policies).await.into_iter();
        let lists = answers.map(|answer| {
            let policy = answer.map_err(AccountError::Look)?;
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
    ) -> Result<String, AccountError> {
        let change = |change_type: &str, products: &[Product]| {
            let entity = Entity::builder().r#type("Experience@1.0").identifier(experience).build()?;
            Change::builder().change_type(change_type).entity(entity).details_document(details(products)).build()
        };
        let incomplete = |error: BuildError| AccountError::Refused(error.to_string());
        let call = self.client.start_change_set().catalog(CATALOG).change_set_name("A person at the catalog");
        let call = call
            .change_set(change("AllowProductProcurement", approve).map_err(incomplete)?)
            .change_set(change("DenyProductProcurement", reject).map_err(incomplete)?);
        let answer = call.send().await.map_err(|e| AccountError::Refused(DisplayErrorContext(e).to_string()))?;
        answer.change_set_id.ok_or(AccountError::NoId)
    }

    /// Whether a change set has been applied.
    pub(super) async fn is_applied(&self, change_set: &str) -> Result<bool, AccountError> {
        let answer = self.client.describe_change_set().catalog(CATALOG).change_set_id(change_set).send().await;
        let answer = answer.map_err(|e| AccountError::NotSeen(DisplayErrorContext(e).to_string()))?;
        match answer.status() {
            Some(ChangeStatus::Succeeded) => Ok(true),
            Some(ChangeStatus::Preparing | ChangeStatus::Applying) => Ok(false),
            Some(other) => Err(AccountError::NotDone(other.as_str().to_owned())),
            None => Err(AccountError::NoStatus),
        }
    }

    /// How many change sets the account has started.
    pub(super) async fn change_sets(&self) -> Result<usize, AccountError> {
        let mut pages = self.client.list_change_sets().catalog(CATALOG).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| AccountError::List(DisplayErrorContext(e).to_string()))?;
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use pmp_local_aws::{Options, Server};
    use pmp_protocol::{Coded, ProductId};
    use pmp_world::{ChangeSetTiming, Experience, Fault, FaultRule, Organization, ProcurementPolicy, World};

    use super::*;

    const OWNER: &str = "111111111111";

    fn product(id: &str) -> Product {
        let labels = vec!["a-label".to_owned()];
        Product { id: ProductId::new(id).unwrap(), name: String::new(), manufacturer: String::new(), labels }
    }

    fn code<T: std::fmt::Debug>(outcome: Result<T, AccountError>) -> String {
        outcome.unwrap_err().code().to_string()
    }

    #[tokio::test]
    async fn what_the_catalog_refuses_is_told_by_what_was_tried() {
        let experience = Experience::new("exp-1", "One").with_policy(ProcurementPolicy::new("policy-1"));
        let denied = FaultRule::new(Fault::AccessDenied { message: None });
        let world = World {
            change_sets: ChangeSetTiming::always(std::time::Duration::from_millis(10)),
            organizations: vec![Organization::new("o-aaaaaaaaaa", "Example", OWNER).with_experience(experience)],
            poison_products: ["prod-bad".to_owned()].into(),
            faults: vec![FaultRule { operation: Some("ListChangeSets".to_owned()), ..denied }],
            ..World::default()
        };
        let server = Server::start(world, Options::default()).await.unwrap();
        let account = Account::new(&server.endpoint(), "us-east-1", OWNER);
        let (good, bad) = (product("prod-good"), product("prod-bad"));
        let change = account.change("exp-none", std::slice::from_ref(&good), std::slice::from_ref(&bad)).await;
        assert_eq!(code(change), "E3025");
        assert_eq!(code(account.is_applied("no-such-change").await), "E3027");
        assert_eq!(code(account.change_sets().await), "E3030");
        let failing = account.change("exp-1", &[bad], &[good]).await.unwrap();
        let outcome = loop {
            match account.is_applied(&failing).await {
                Ok(false) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
                outcome => break outcome,
            }
        };
        assert_eq!(code(outcome), "E3028");
        server.shutdown().await;
    }

    #[tokio::test]
    async fn an_answer_that_leaves_out_what_it_must_say_is_an_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let empty = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(async || "{}")).await });
        let account = Account::new(&endpoint, "us-east-1", OWNER);
        assert_eq!(code(account.change("exp-1", &[product("prod-a")], &[product("prod-b")]).await), "E3026");
        assert_eq!(code(account.is_applied("a-change").await), "E3029");
        empty.abort();
    }
}
