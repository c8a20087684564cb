//! The change types `CreateBrandingSettings` and `UpdateBrandingSettings`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::entity::{Body, Branding, Entity};
use super::super::error_detail::ErrorDetail;
use super::super::{Catalog, CatalogError};
use super::{Draft, check_description, check_name, check_new_name, check_text, experience_mut, read_form};

/// The details of both change types.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct BrandingChange {
    name: Option<String>,
    description: Option<String>,
    configuration: Option<Branding>,
}

impl BrandingChange {
    pub(super) fn read(details: Value) -> Result<Self, CatalogError> {
        let change: Self = read_form(details)?;
        check_name(change.name.as_deref())?;
        check_description(change.description.as_deref())?;
        if let Some(Branding { title, information, logo_url, .. }) = &change.configuration {
            check_text("Title", "Details.Configuration.Title", title.as_deref(), 50)?;
            check_text("Information", "Details.Configuration.Information", information.as_deref(), 1000)?;
            check_text("LogoUrl", "Details.Configuration.LogoUrl", logo_url.as_deref(), 2048)?;
        }
        let color = change.configuration.as_ref().and_then(|configuration| configuration.theme_color.as_deref());
        if color.is_some_and(|color| !is_color(color)) {
            let message = "ThemeColor must be a color in RGB hexadecimal format, as #232F3E";
            return Err(CatalogError::validation(message).in_field("Details.Configuration.ThemeColor"));
        }
        Ok(change)
    }

    pub(super) fn read_new(details: Value) -> Result<Self, CatalogError> {
        let change = Self::read(details)?;
        check_new_name(change.name.as_deref())?;
        Ok(change)
    }

    pub(super) fn create(&self, id: &str, catalog: &mut Catalog, touched: &mut BTreeSet<String>, now: Timestamp) {
        let Some(owner) = catalog.entities.get(id).map(|experience| experience.owner.clone()) else { return };
        let settings = catalog.dice.entity_id("brandsettings");
        let body = Body::BrandingSettings(self.configuration.clone().unwrap_or_default());
        let entity = Entity::new(settings.clone(), &owner, self.name.as_deref().unwrap_or_default(), body, now);
        catalog.add(Entity { description: self.description.clone(), ..entity });
        touched.insert(settings.clone());
        if let Some(experience) = experience_mut(catalog, id) {
            experience.branding = Some(settings);
        }
    }

    /// Updates the settings. A field that is absent keeps its value.
    pub(super) fn update(&self, id: &str, catalog: &mut Catalog, touched: &mut BTreeSet<String>) {
        let settings = catalog.experience(id).and_then(|experience| experience.branding.clone());
        let Some(entity) = settings.and_then(|settings| catalog.entities.get_mut(&settings)) else { return };
        touched.insert(entity.id.clone());
        if let Some(name) = &self.name {
            entity.name.clone_from(name);
        }
        if self.description.is_some() {
            entity.description.clone_from(&self.description);
        }
        let (Body::BrandingSettings(branding), Some(new)) = (&mut entity.body, &self.configuration) else { return };
        for (old, new) in [
            (&mut branding.title, &new.title),
            (&mut branding.information, &new.information),
            (&mut branding.theme_color, &new.theme_color),
            (&mut branding.logo_url, &new.logo_url),
        ] {
            if new.is_some() {
                old.clone_from(new);
            }
        }
    }

    /// The error of the logo, if it has one. AWS fetches the logo. The simulator has no network, so
    /// a URL that could be fetched counts as fetched, and the file's name decides the type of the
    /// image.
    fn logo_error(&self) -> Option<ErrorDetail> {
        let url = self.configuration.as_ref()?.logo_url.as_deref()?;
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
        let Some((host, path)) = rest.split_once('/').filter(|(host, _)| !host.is_empty()) else {
            return Some(ErrorDetail::new("INVALID_URL", "Image could not be fetched from the input URL"));
        };
        let path = path.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        if host.contains(char::is_whitespace) || path.contains(char::is_whitespace) {
            return Some(ErrorDetail::new("INVALID_URL", "Image could not be fetched from the input URL"));
        }
        // `.jpg` is refused, although AWS's published shapes use one as an example: the reference
        // permits .png and .svg only.
        let named = |extension: &str| path.strip_suffix(extension).is_some_and(|name| !name.is_empty());
        if named(".png") || named(".svg") {
            return None;
        }
        let message = "Image verification for type, content, or file size failed. Only .png and .svg file types with \
                       sizes less than or equal to 500KB are supported.";
        Some(ErrorDetail::new("INVALID_IMAGE", message))
    }
}

fn is_color(color: &str) -> bool {
    color.strip_prefix('#').is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

pub(super) fn check_new(draft: &mut Draft<'_>, experience: &str, change: &BrandingChange) -> Vec<ErrorDetail> {
    let mut errors: Vec<ErrorDetail> = change.logo_error().into_iter().collect();
    if draft.has_branding(experience) {
        errors.push(ErrorDetail::already_exists("Branding settings exists for Experience"));
    }
    if errors.is_empty() {
        draft.brandings.insert(experience.to_owned());
    }
    errors
}

pub(super) fn check_there(draft: &Draft<'_>, experience: &str, change: &BrandingChange) -> Vec<ErrorDetail> {
    let mut errors: Vec<ErrorDetail> = change.logo_error().into_iter().collect();
    if !draft.has_branding(experience) {
        errors.push(ErrorDetail::not_found("Branding settings missing from Experience"));
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn logo_code(url: &str) -> Option<String> {
        let change = BrandingChange::read(json!({ "Configuration": { "LogoUrl": url } })).unwrap();
        change.logo_error().map(|error| error.code.into_owned())
    }

    #[test]
    fn a_logo_is_a_png_or_svg_at_a_url() {
        assert_eq!(logo_code("https://example.com/path/mylogo.png"), None);
        assert_eq!(logo_code("https://bucket.s3.amazonaws.com/logo.SVG?X-Amz-Signature=abc"), None);
        assert_eq!(logo_code("https://example.com/logo.jpg").as_deref(), Some("INVALID_IMAGE"));
        assert_eq!(logo_code("https://example.com/.png").as_deref(), Some("INVALID_IMAGE"));
        for nowhere in ["logo.png", "ftp://example.com/logo.png", "https:///logo.png", "https://a b/logo.png"] {
            assert_eq!(logo_code(nowhere).as_deref(), Some("INVALID_URL"), "{nowhere}");
        }
    }

    #[test]
    fn a_theme_color_is_rgb_in_hexadecimal() {
        let read = |color: &str| BrandingChange::read(json!({ "Configuration": { "ThemeColor": color } })).is_ok();
        assert!(read("#0e7f74") && read("#232F3E"));
        assert!(!read("0e7f74") && !read("#0e7f7") && !read("#0e7f7g") && !read("red"));
    }
}
