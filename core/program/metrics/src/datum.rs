//! The figures of one run, and the line that tells them.

use std::time::Duration;

use jiff::Timestamp;
use pmp_protocol::PlainText;
use serde_json::{Map, Value, json};

use crate::{COMPONENT, Component, DIMENSION, Metric, MetricSet, NAMESPACE};

/// CloudWatch takes so many values of one metric in one document.
const VALUES: usize = 100;

/// The figures of one run of one of the programs, about one management experience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datum {
    component: Component,
    experience: String,
    properties: Vec<(&'static str, PlainText)>,
    figures: Vec<(Metric, Vec<u64>)>,
}

impl Datum {
    /// No figures yet about the management experience `experience`.
    #[must_use]
    pub fn new(component: Component, experience: impl ToString) -> Self {
        Self { component, experience: experience.to_string(), properties: Vec::new(), figures: Vec::new() }
    }

    /// A text that is logged with the figures, to search by, and is no dimension. It may come from
    /// anywhere.
    #[must_use]
    pub fn property(mut self, name: &'static str, value: impl ToString) -> Self {
        self.properties.push((name, PlainText::new(&value.to_string())));
        self
    }

    /// Adds the figure of a metric.
    #[must_use]
    pub fn count(self, metric: Metric, value: usize) -> Self {
        self.values(metric, vec![u64::try_from(value).unwrap_or(u64::MAX)])
    }

    /// A figure that may not be known: then it is left out.
    #[must_use]
    pub fn count_if_known(self, metric: Metric, value: Option<usize>) -> Self {
        match value {
            Some(value) => self.count(metric, value),
            None => self,
        }
    }

    /// One for yes, 0 for no.
    #[must_use]
    pub fn flag(self, metric: Metric, value: bool) -> Self {
        self.count(metric, usize::from(value))
    }

    /// Durations, of which CloudWatch makes percentiles; left out where there is none.
    #[must_use]
    pub fn durations(self, metric: Metric, durations: impl IntoIterator<Item = Duration>) -> Self {
        let unit = |duration: Duration| match metric.unit() {
            crate::Unit::Seconds => duration.as_secs(),
            _ => u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        };
        let values: Vec<_> = durations.into_iter().map(unit).collect();
        if values.is_empty() { self } else { self.values(metric, values) }
    }

    fn values(mut self, metric: Metric, values: Vec<u64>) -> Self {
        self.figures.push((metric, values));
        self
    }

    /// The documents, one to a line, for figures of `at`, of which CloudWatch makes the metrics of
    /// `set`. More than one where a metric has more than 100 values.
    #[must_use]
    pub fn lines(&self, at: Timestamp, set: MetricSet) -> Vec<String> {
        let most = self.figures.iter().map(|(_, values)| values.len().div_ceil(VALUES)).max().unwrap_or(0);
        (0..most).map(|part| self.document(at, part, set).to_string()).collect()
    }

    /// The document of the `part`th hundred of values.
    fn document(&self, at: Timestamp, part: usize, set: MetricSet) -> Value {
        let figures: Vec<_> = self
            .figures
            .iter()
            .filter_map(|(metric, values)| values.chunks(VALUES).nth(part).map(|values| (metric, values)))
            .collect();
        let directive = |dimensions: &[&str], of_both: bool| {
            let metrics = figures.iter().map(|(metric, _)| metric).filter(|metric| set.has(***metric));
            let metrics = metrics.filter(|metric| metric.is_of_both() == of_both);
            let metrics = metrics.map(|metric| json!({"Name": metric.name(), "Unit": metric.unit().as_str()}));
            let metrics: Vec<_> = metrics.collect();
            let directive = json!({"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics});
            (!metrics.is_empty()).then_some(directive)
        };
        let directives = [directive(&[DIMENSION], false), directive(&[COMPONENT, DIMENSION], true)];
        let directives: Vec<_> = directives.into_iter().flatten().collect();
        let mut document = Map::new();
        // With this field, CloudWatch reads a line of the log as metrics; without, as any other.
        if !directives.is_empty() {
            let aws = json!({"Timestamp": at.as_millisecond(), "CloudWatchMetrics": directives});
            document.insert("_aws".to_owned(), aws);
        }
        document.insert(DIMENSION.to_owned(), json!(self.experience));
        document.insert(COMPONENT.to_owned(), json!(self.component.as_str()));
        document.extend(self.properties.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        document.extend(figures.into_iter().map(|(metric, values)| {
            let value = if let [value] = values { json!(value) } else { json!(values) };
            (metric.name().to_owned(), value)
        }));
        Value::Object(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_datum_is_one_line_in_the_embedded_metric_format() {
        let datum = Datum::new(Component::Hub, "exp-management")
            .property("requestId", "r-1")
            .flag(Metric::Published, true)
            .count_if_known(Metric::SilentSpokes, None)
            .durations(Metric::ChangeSetMillis, [1500, 700].map(Duration::from_millis))
            .durations(Metric::FilterMillis, [])
            .durations(Metric::OldestLastSeenSeconds, [Duration::from_millis(7_900)]);
        let expected = json!({
            "_aws": {"Timestamp": 1_795_521_600_000_u64, "CloudWatchMetrics": [{
                "Namespace": "pmp-sync", "Dimensions": [["Experience"]], "Metrics": [
                    {"Name": "Published", "Unit": "Count"}, {"Name": "ChangeSetMillis", "Unit": "Milliseconds"},
                    {"Name": "OldestLastSeenSeconds", "Unit": "Seconds"}]}]},
            "Experience": "exp-management", "Component": "hub", "requestId": "r-1", "Published": 1, "ChangeSetMillis": [1500, 700],
            "OldestLastSeenSeconds": 7,
        });
        let lines = datum.lines(at(), MetricSet::All);
        assert_eq!(lines.len(), 1);
        assert_eq!(serde_json::from_str::<Value>(&lines[0]).unwrap(), expected);
        assert!(!lines[0].contains('\n'));
    }

    #[test]
    fn more_than_a_hundred_values_take_more_documents_and_each_figure_stands_in_one() {
        let many = (0..250).map(Duration::from_millis);
        let datum = Datum::new(Component::Spoke, "exp-1")
            .count(Metric::ChangeSets, 250)
            .durations(Metric::ChangeSetMillis, many);
        let documents: Vec<Value> =
            datum.lines(at(), MetricSet::All).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let lengths: Vec<_> = documents.iter().map(|d| d["ChangeSetMillis"].as_array().unwrap().len()).collect();
        assert_eq!(lengths, [100, 100, 50]);
        assert_eq!(documents.iter().filter(|d| d.get("ChangeSets").is_some()).count(), 1);
        assert_eq!(documents[2]["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn what_both_programs_measure_is_told_apart_by_a_dimension() {
        let directives = |component: Component| {
            let datum = Datum::new(component, "exp-1").flag(Metric::Errors, true).count(Metric::Held, 2);
            let document: Value =
                serde_json::from_str(&datum.count(Metric::Throttles, 3).lines(at(), MetricSet::All)[0]).unwrap();
            (document["_aws"]["CloudWatchMetrics"].clone(), document["Component"].clone())
        };
        let count = |name: &str| json!({"Name": name, "Unit": "Count"});
        let expected = json!([
            {"Namespace": "pmp-sync", "Dimensions": [["Experience"]], "Metrics": [count("Held")]},
            {"Namespace": "pmp-sync", "Dimensions": [["Component", "Experience"]], "Metrics": [count("Errors"), count("Throttles")]},
        ]);
        assert_eq!(directives(Component::Hub), (expected.clone(), json!("hub")));
        assert_eq!(directives(Component::Spoke), (expected, json!("spoke")));
    }

    #[test]
    fn nothing_known_is_no_line() {
        assert!(Datum::new(Component::Hub, "exp-1").lines(at(), MetricSet::All).is_empty());
    }

    #[test]
    fn what_is_no_metric_is_a_field_of_the_log() {
        let datum = Datum::new(Component::Spoke, "exp-1")
            .flag(Metric::Synced, true)
            .count(Metric::Held, 2)
            .durations(Metric::StatementSecondsLeft, [Duration::from_secs(9)]);
        let told = |set| {
            let document: Value = serde_json::from_str(&datum.lines(at(), set)[0]).unwrap();
            assert_eq!((&document["Synced"], &document["Held"]), (&json!(1), &json!(2)));
            let metrics = document["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().cloned().unwrap_or_default();
            metrics.iter().map(|metric| metric["Name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(MetricSet::All), ["Synced", "Held", "StatementSecondsLeft"]);
        assert_eq!(told(MetricSet::Alarms), ["Held", "StatementSecondsLeft"]);
        assert_eq!(told(MetricSet::None), ["StatementSecondsLeft"]);
        let unsigned = Datum::new(Component::Spoke, "exp-1").count(Metric::Held, 2);
        let line: Value = serde_json::from_str(&unsigned.lines(at(), MetricSet::None)[0]).unwrap();
        // Without `_aws`, no line for CloudWatch to read as metrics.
        assert_eq!(line, json!({"Component": "spoke", "Experience": "exp-1", "Held": 2}));
    }
}
