//! A click on approve or reject: the form becomes a `StartChangeSet` of the experience's owner.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::query::Asked;
use super::{Web, html_response, page};

/// The form, with the part of the page that the visitor sees.
#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    product: String,
    action: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    list: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    org: String,
    #[serde(default)]
    differs: String,
    /// `yes`: the visitor has confirmed the rejection.
    #[serde(default)]
    confirmed: String,
}

/// `POST /_local/experiences/{id}/products`. If a change set started, the page says so. If not, the
/// page says why, with the catalog's own status. A rejection must be confirmed first: the answer is
/// a page with the question (200), unless the form has `confirmed=yes`.
pub(super) async fn submit(
    State(web): State<Arc<Web>>,
    Path(experience): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let asked = Asked {
        experience: Some(experience.clone()),
        q: fields.q.clone(),
        list: fields.list.clone(),
        page: fields.page.clone(),
        org: fields.org.clone(),
        differs: fields.differs.clone(),
        started: None,
    };
    match start(&web, &experience, &fields, host).await {
        Ok(id) => Redirect::to(&Asked { started: Some(id), ..asked }.link()).into_response(),
        Err(problem) => html_response(problem.status, page::render(&web, &asked, Some(&problem))),
    }
}

async fn start(web: &Web, experience: &str, fields: &Fields, host: &str) -> Result<String, Problem> {
    let product = fields.product.trim();
    let change_type = match fields.action.as_str() {
        "approve" => "AllowProductProcurement",
        "reject" => "DenyProductProcurement",
        other => return Err(unprocessable(format!("“{other}” is neither approve nor reject"))),
    };
    let view = web.cloud.view();
    let mut experiences = view.organizations.iter().flat_map(|organization| &organization.experiences);
    let Some(found) = experiences.find(|known| known.experience.id == experience) else {
        let text = format!("There is no experience {experience}");
        return Err(Problem { status: StatusCode::NOT_FOUND, text, rejects: None });
    };
    if product.is_empty() {
        return Err(unprocessable("Which product? Its id is missing".into()));
    }
    if found.experience.policy.is_none() {
        return Err(unprocessable(format!("{experience} has no procurement policy, so it has no lists of products")));
    }
    // A wrong click must not take a product away from everybody, so a rejection is confirmed first.
    // An approval takes nothing away.
    if fields.action == "reject" && fields.confirmed != "yes" {
        let name = web.names.name(product);
        let text = format!("Reject {name} in {}? Nobody there can buy it any more.", found.experience.name);
        return Err(Problem { status: StatusCode::OK, text, rejects: Some(product.to_owned()) });
    }
    let request = json!({
        "Catalog": "AWSMarketplace",
        "ChangeSet": [{
            "ChangeType": change_type,
            "Entity": { "Type": "Experience@1.0", "Identifier": experience },
            "DetailsDocument": { "Products": [{ "Ids": [product] }] },
        }],
    });
    let reply = web.cloud.start_change_set_as(&found.experience.owner, &request, host).await;
    let answer: Value = serde_json::from_slice(reply.body.as_ref()).unwrap_or_default();
    match answer["ChangeSetId"].as_str() {
        Some(id) if reply.status == 200 => Ok(id.to_owned()),
        _ => Err(refused(experience, reply.status, answer["Message"].as_str().unwrap_or_default())),
    }
}

fn unprocessable(text: String) -> Problem {
    Problem { status: StatusCode::UNPROCESSABLE_ENTITY, text, rejects: None }
}

/// The catalog's refusal in plain words, followed by the catalog's own message.
fn refused(experience: &str, status: u16, message: &str) -> Problem {
    let plain = match status {
        402 => "Too many change sets are open already".to_owned(),
        403 => format!("The owner of {experience} may not do this"),
        423 => format!("{experience} is locked: a change set is running on it. Try again when it has ended"),
        429 => "The catalog was asked too often. Wait a second".to_owned(),
        _ => "The catalog refused".to_owned(),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let text = if message.is_empty() { plain } else { format!("{plain}. It says: {message}") };
    Problem { status, text, rejects: None }
}
