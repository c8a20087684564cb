//! The Marketplace Discovery API, answered from the world's products: `GetProduct` and
//! `SearchListings`.
//!
//! It is pure, like the catalog: a request as JSON becomes an answer as JSON. Each product of the
//! world is one listing. Attributes that the world does not have are empty. AWS documents no error
//! texts, so these are our own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::catalog::{Bucket, CATALOG};
use crate::world::{Assumptions, CatalogLimits, Listings, Product, ProductSearches};

/// The operations that this module answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    GetProduct,
    SearchListings,
}

impl Operation {
    /// The operation of a `POST` to `path`; `None` if the path is not one of Discovery.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path.strip_prefix("/2026-02-05/")? {
            "getProduct" => Some(Self::GetProduct),
            "searchListings" => Some(Self::SearchListings),
            _ => None,
        }
    }

    /// The operation's name, as in the IAM action.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetProduct => "GetProduct",
            Self::SearchListings => "SearchListings",
        }
    }

    /// The ARN of the request's resource for IAM. AWS documents these ARNs with a catalog's name,
    /// but not which names exist. Here it is the name of the Marketplace Catalog.
    pub(crate) fn resource(self, body: &[u8]) -> String {
        match self {
            Self::GetProduct => {
                let id = read(body).map_or_else(|_| "*".to_owned(), |GetProduct { product_id }| product_id);
                format!("arn:aws:aws-marketplace:::catalog/{CATALOG}/product/{id}")
            }
            Self::SearchListings => format!("arn:aws:aws-marketplace:::catalog/{CATALOG}/listing/*"),
        }
    }
}

/// An error answer, by the names of the service model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("Product {0} not found")]
    NotFound(String),
    #[error("{0}")]
    Malformed(String),
    #[error("nextToken is not valid")]
    Token,
    #[error("Rate exceeded")]
    Throttled,
}

pmp_protocol::codes!(DiscoveryError {
    NotFound => "E3010",
    Malformed => "E3011",
    Token => "E3012",
    Throttled => "E3013",
});

pmp_protocol::without_hint!(DiscoveryError);

impl DiscoveryError {
    /// The value of `x-amzn-ErrorType`, and the HTTP status.
    pub(crate) fn name_and_status(&self) -> (&'static str, u16) {
        match self {
            Self::NotFound(_) => ("ResourceNotFoundException", 404),
            Self::Malformed(_) | Self::Token => ("ValidationException", 400),
            Self::Throttled => ("ThrottlingException", 429),
        }
    }

    /// The JSON body of the error answer.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "__type": self.name_and_status().0, "message": self.to_string() });
        match self {
            Self::NotFound(_) | Self::Throttled => {}
            Self::Malformed(_) => body["reason"] = json!("MALFORMED_REQUEST_PARAMETERS"),
            Self::Token => body["reason"] = json!("INVALID_PAGINATION_TOKEN"),
        }
        body
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetProduct {
    product_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchListings {
    #[serde(default)]
    search_text: String,
    #[serde(default)]
    filters: Vec<SearchFilter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchFilter {
    filter_type: FilterType,
    filter_values: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum FilterType {
    Category,
    DeployedOnAws,
    FulfillmentOptionType,
    MaxAverageCustomerRating,
    MinAverageCustomerRating,
    NumberOfProducts,
    PricingModel,
    PricingUnit,
    ProductId,
    Publisher,
    Certificates,
    SellerEngagement,
    Specialization,
    SpecializationCategory,
    TrustCenter,
}

/// Listings per page: the default, and the service model's maximum.
const DEFAULT_PAGE: usize = 25;
const MAX_PAGE: usize = 100;

/// The service model's maxima: filters of a search, values of a filter, and characters of a value.
const MAX_FILTERS: usize = 30;
const MAX_VALUES: usize = 30;
const MAX_VALUE: usize = 128;

/// The world's products, by id.
pub(crate) struct Discovery {
    products: BTreeMap<String, Product>,
    limits: CatalogLimits,
    /// The rate limiter of each account and operation.
    buckets: Mutex<BTreeMap<(String, Operation), Bucket>>,
}

impl Discovery {
    pub(crate) fn new(products: &[Product], limits: &CatalogLimits) -> Self {
        let products = products.iter().map(|product| (product.id.clone(), product.clone())).collect();
        Self { products, limits: limits.clone(), buckets: Mutex::default() }
    }

    /// Counts a request of the account, or refuses it.
    pub(crate) fn admit(&self, account: &str, operation: Operation, now: Timestamp) -> Result<(), DiscoveryError> {
        let rate = match operation {
            Operation::GetProduct => self.limits.requests_per_second.get_product,
            Operation::SearchListings => self.limits.requests_per_second.search_listings,
        };
        if !self.limits.throttling || rate == 0 {
            return Ok(());
        }
        // The buckets hold plain numbers, so they are valid even if a thread panicked under the
        // lock.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry((account.to_owned(), operation)).or_insert_with(|| Bucket::full(rate, now));
        if bucket.take(rate, now) { Ok(()) } else { Err(DiscoveryError::Throttled) }
    }

    pub(crate) fn answer(&self, operation: Operation, body: &[u8]) -> Result<Value, DiscoveryError> {
        match operation {
            Operation::GetProduct => self.product(read(body)?),
            Operation::SearchListings => self.search(&read(body)?),
        }
    }

    fn product(&self, GetProduct { product_id }: GetProduct) -> Result<Value, DiscoveryError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !(1..=255).contains(&product_id.len()) || !product_id.chars().all(allowed) {
            return Err(DiscoveryError::Malformed("productId must be 1 to 255 of letters, digits, _ and -".into()));
        }
        let product = self.products.get(&product_id).ok_or(DiscoveryError::NotFound(product_id))?;
        Ok(json!({
            "productId": product.id,
            "catalog": "AWSMarketplace",
            "productName": product.name,
            "manufacturer": seller(product),
            "deployedOnAws": "NOT_APPLICABLE",
            "shortDescription": short_description(product),
            "longDescription": "",
            "logoThumbnailUrl": LOGO,
            "fulfillmentOptionSummaries": fulfillment_options(product),
            "categories": categories(product),
            "highlights": [],
            "promotionalMedia": [],
            "resources": [],
            "sellerEngagements": [],
            "listingId": listing_id(product),
            "purchaseIndicators": [],
        }))
    }

    /// How Discovery behaves where AWS's documentation says nothing.
    fn assumptions(&self) -> &Assumptions {
        &self.limits.assumptions
    }

    fn search(&self, request: &SearchListings) -> Result<Value, DiscoveryError> {
        let length = request.max_results.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&length) {
            return Err(DiscoveryError::Malformed(format!("maxResults must be between 1 and {MAX_PAGE}")));
        }
        if request.filters.len() > MAX_FILTERS {
            return Err(DiscoveryError::Malformed(format!("filters must have at most {MAX_FILTERS} members")));
        }
        request.filters.iter().try_for_each(SearchFilter::check)?;
        let by_id = request.filters.iter().any(|filter| matches!(filter.filter_type, FilterType::ProductId));
        let searches = self.assumptions().product_searches;
        if by_id && searches == ProductSearches::Refused {
            return Err(DiscoveryError::Malformed("The filter type PRODUCT_ID is not supported".into()));
        }
        let hidden = by_id && searches == ProductSearches::NotFound;
        let after = request.next_token.as_deref().map(read_token).transpose()?;
        let words = request.search_text.to_lowercase();
        let found: Vec<&Product> =
            self.products.values().filter(|product| !hidden && request.finds(product, &words)).collect();
        let rest = found.iter().filter(|product| after.as_ref().is_none_or(|after| product.id > *after));
        let page: Vec<&&Product> = rest.take(length + 1).collect();
        let shown = &page[..page.len().min(length)];
        let summaries: Vec<Value> = shown.iter().map(|product| listing(product, self.assumptions().listings)).collect();
        let mut answer = json!({ "totalResults": found.len(), "listingSummaries": summaries });
        if let (true, Some(last)) = (page.len() > length, shown.last()) {
            answer["nextToken"] = json!(STANDARD.encode(&last.id));
        }
        Ok(answer)
    }
}

impl SearchListings {
    /// Whether the search matches a product: every word of the text and every filter must match.
    fn finds(&self, product: &Product, words: &str) -> bool {
        self.filters.iter().all(|filter| filter.accepts(product)) && (words.is_empty() || has_words(product, words))
    }
}

fn has_words(product: &Product, words: &str) -> bool {
    let haystack = format!("{} {} {}", product.name, product.manufacturer, product.categories.join(" "));
    let haystack = haystack.to_lowercase();
    words.split_whitespace().all(|word| haystack.contains(word))
}

impl SearchFilter {
    /// Checks the limits of the service model.
    fn check(&self) -> Result<(), DiscoveryError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let fits = |value: &String| (1..=MAX_VALUE).contains(&value.len()) && value.chars().all(allowed);
        if (1..=MAX_VALUES).contains(&self.filter_values.len()) && self.filter_values.iter().all(fits) {
            return Ok(());
        }
        Err(DiscoveryError::Malformed(format!(
            "filterValues must have 1 to {MAX_VALUES} members, each of 1 to {MAX_VALUE} letters, digits, _, - and ."
        )))
    }

    fn accepts(&self, product: &Product) -> bool {
        let wanted = |value: &str| self.filter_values.iter().any(|wanted| wanted == value);
        match self.filter_type {
            FilterType::Category => product.categories.iter().any(|name| wanted(&slug("category", name))),
            FilterType::FulfillmentOptionType => wanted(&fulfillment_type(&product.fulfillment)),
            FilterType::Publisher => wanted(&slug("seller", &product.manufacturer)),
            FilterType::ProductId => wanted(&product.id),
            FilterType::NumberOfProducts => wanted("SINGLE_PRODUCT"),
            FilterType::DeployedOnAws => wanted("NOT_APPLICABLE"),
            // A world has no such attributes, so no product matches.
            FilterType::Certificates
            | FilterType::SellerEngagement
            | FilterType::Specialization
            | FilterType::SpecializationCategory
            | FilterType::TrustCenter
            | FilterType::MaxAverageCustomerRating
            | FilterType::MinAverageCustomerRating
            | FilterType::PricingModel
            | FilterType::PricingUnit => false,
        }
    }
}

fn listing(product: &Product, listings: Listings) -> Value {
    let (options, categories) = match listings {
        Listings::Complete => (fulfillment_options(product), categories(product)),
        Listings::Bare => (json!([]), json!([])),
    };
    json!({
        "listingId": listing_id(product),
        "listingName": product.name,
        "publisher": seller(product),
        "fulfillmentOptionSummaries": options,
        "catalog": "AWSMarketplace",
        "shortDescription": short_description(product),
        "logoThumbnailUrl": LOGO,
        "reviewSummary": { "reviewSourceSummaries": [] },
        "categories": categories,
        "badges": [],
        "pricingModels": [],
        "pricingUnits": [],
        "associatedEntities": [{ "product": {
            "productId": product.id,
            "productName": product.name,
            "manufacturer": seller(product),
        } }],
    })
}

/// The service model requires a URL. There is no image behind it.
const LOGO: &str = "https://example.com/logo.png";

/// The service model requires a text, so it is made from the attributes that the world has.
fn short_description(product: &Product) -> String {
    let words: Vec<&str> = [product.name.as_str(), product.manufacturer.as_str(), product.id.as_str()].into();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
}

fn seller(product: &Product) -> Value {
    json!({ "sellerProfileId": slug("seller", &product.manufacturer), "displayName": product.manufacturer })
}

fn categories(product: &Product) -> Value {
    product.categories.iter().map(|name| json!({ "categoryId": slug("category", name), "displayName": name })).collect()
}

fn fulfillment_options(product: &Product) -> Value {
    if product.fulfillment.is_empty() {
        return json!([]);
    }
    let kind = fulfillment_type(&product.fulfillment);
    json!([{ "fulfillmentOptionType": kind, "displayName": product.fulfillment }])
}

/// The API's name for a fulfillment type that a person wrote: `SaaS`, `AMI`, `Container image`,
/// `EKS add-on`.
fn fulfillment_type(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_uppercase)
        .collect();
    let known = match words.join("_") {
        name if name == "AMI" || name.starts_with("AMAZON_MACHINE_IMAGE") => "AMAZON_MACHINE_IMAGE",
        name if name.starts_with("CONTAINER") => "CONTAINER",
        name if name.starts_with("CLOUDFORMATION") => "CLOUDFORMATION_TEMPLATE",
        name if name.starts_with("HELM") => "HELM",
        name if name.starts_with("DATA") => "DATA_EXCHANGE",
        other => return other,
    };
    known.into()
}

/// A readable id for something that only has a name in the world.
fn slug(prefix: &str, name: &str) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    format!("{prefix}-{}", words.join("-"))
}

/// An id in the form of a listing's. The same product always has the same one.
fn listing_id(product: &Product) -> String {
    let digest = Sha256::digest(product.id.as_bytes());
    let digits: String = digest.iter().take(7).map(|byte| format!("{byte:02x}")).collect();
    format!("prodview-{}", &digits[..13])
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DiscoveryError> {
    serde_json::from_slice(body)
        .map_err(|error| DiscoveryError::Malformed(format!("The request is malformed: {error}")))
}

fn read_token(token: &str) -> Result<String, DiscoveryError> {
    let id = STANDARD.decode(token).ok().and_then(|id| String::from_utf8(id).ok());
    id.ok_or(DiscoveryError::Token)
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;

    use super::*;

    #[test]
    fn fulfillment_types_have_the_names_of_the_api() {
        for (text, name) in [
            ("SaaS", "SAAS"),
            ("AMI", "AMAZON_MACHINE_IMAGE"),
            ("Amazon Machine Image", "AMAZON_MACHINE_IMAGE"),
            ("Container image", "CONTAINER"),
            ("EKS add-on", "EKS_ADD_ON"),
            ("Professional services", "PROFESSIONAL_SERVICES"),
            ("SAGEMAKER_MODEL", "SAGEMAKER_MODEL"),
        ] {
            assert_eq!(fulfillment_type(text), name);
        }
    }

    #[test]
    fn a_page_has_25_listings_unless_it_is_asked_for_another_number() {
        let products: Vec<_> = (0..120).map(|n| Product { id: format!("prod-{n:03}"), ..Product::default() }).collect();
        let discovery = Discovery::new(&products, &CatalogLimits::default());
        for (body, listings) in [("{}", 25), (r#"{"maxResults":1}"#, 1), (r#"{"maxResults":100}"#, 100)] {
            let answer = discovery.answer(Operation::SearchListings, body.as_bytes()).unwrap();
            assert_eq!(answer["listingSummaries"].as_array().unwrap().len(), listings, "{body}");
        }
        assert!(discovery.answer(Operation::SearchListings, br#"{"maxResults":101}"#).is_err());
    }

    #[test]
    fn a_filter_takes_thirty_values() {
        let products: Vec<_> = (0..40).map(|n| Product { id: format!("prod-{n:03}"), ..Product::default() }).collect();
        let discovery = Discovery::new(&products, &CatalogLimits::default());
        let find = |values: usize| {
            let values: Vec<_> = products[..values].iter().map(|product| &product.id).collect();
            let filter = json!({ "filterType": "PRODUCT_ID", "filterValues": values });
            let body = json!({ "filters": [filter], "maxResults": 100 }).to_string();
            let answer = discovery.answer(Operation::SearchListings, body.as_bytes());
            answer.map(|answer| answer["listingSummaries"].as_array().unwrap().len())
        };
        assert_eq!(find(30), Ok(30));
        assert!(matches!(find(31), Err(DiscoveryError::Malformed(_))));
        assert!(matches!(find(0), Err(DiscoveryError::Malformed(_))));
    }

    #[test]
    fn each_account_has_its_own_requests_a_second_for_each_operation() {
        let discovery = Discovery::new(&[], &CatalogLimits::default());
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();
        let admitted = |account: &str, operation, milliseconds| {
            (0..20).filter(|_| discovery.admit(account, operation, at(milliseconds)).is_ok()).count()
        };
        assert_eq!(admitted("one", Operation::GetProduct, 0), 5);
        assert_eq!(admitted("one", Operation::SearchListings, 0), 10);
        assert_eq!(admitted("two", Operation::GetProduct, 0), 5);
        assert_eq!(admitted("one", Operation::GetProduct, 400), 2);
        assert_eq!(DiscoveryError::Throttled.name_and_status(), ("ThrottlingException", 429));
        let free = Discovery::new(&[], &CatalogLimits::without_throttling());
        assert!((0..100).all(|_| free.admit("one", Operation::GetProduct, at(0)).is_ok()));
    }

    #[test]
    fn what_cannot_be_answered_has_a_code() {
        let discovery = Discovery::new(&[], &CatalogLimits::default());
        for (operation, body, code) in [
            (Operation::GetProduct, r#"{"productId":"prod-a"}"#, "E3010"),
            (Operation::GetProduct, "{}", "E3011"),
            (Operation::SearchListings, r#"{"nextToken":"%"}"#, "E3012"),
        ] {
            let error = discovery.answer(operation, body.as_bytes()).unwrap_err();
            assert_eq!(error.code().to_string(), code, "{error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_reason() {
        let discovery = Discovery::new(&[], &CatalogLimits::default());
        let reason =
            |operation, body: &str| discovery.answer(operation, body.as_bytes()).unwrap_err().body()["reason"].clone();
        assert_eq!(reason(Operation::GetProduct, "{"), "MALFORMED_REQUEST_PARAMETERS");
        assert_eq!(reason(Operation::GetProduct, "{}"), "MALFORMED_REQUEST_PARAMETERS");
        assert_eq!(reason(Operation::SearchListings, r#"{"maxResults":0}"#), "MALFORMED_REQUEST_PARAMETERS");
        assert_eq!(reason(Operation::SearchListings, r#"{"nextToken":"%"}"#), "INVALID_PAGINATION_TOKEN");
    }
}
