//! The text of a scrape, in the two formats of Prometheus.

use std::fmt;

use bulla_kms::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::reading::Sources;
use super::table::{METRICS, Metric, Series, Values};

/// Writes the values of [`Sources`] as text.
pub(super) struct Exposition {
    registry: Registry,
}

/// A text format of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpositionFormat {
    /// Version 0.0.4, which every client reads.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl ExpositionFormat {
    /// Returns OpenMetrics for clients that accept it: Prometheus lists it first, and the other format last.
    pub(super) fn accepted(accept: Option<&str>) -> Self {
        let is_open_metrics = |accept: &str| accept.contains("application/openmetrics-text");
        if accept.is_some_and(is_open_metrics) { Self::OpenMetrics } else { Self::Text }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Exposition {
    pub(super) fn new(sources: Sources) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Table(sources)));
        Self { registry }
    }

    /// Returns the current values.
    pub(super) fn text(&self, format: ExpositionFormat) -> String {
        let mut output = String::new();
        let written = match format {
            ExpositionFormat::Text => prometheus_text::encode(&mut output, &self.registry),
            ExpositionFormat::OpenMetrics => text::encode(&mut output, &self.registry),
        };
        written.expect("a string takes everything");
        output
    }
}

/// The library's counters and histograms use locks that all threads share, so only its formats are used: it requests
/// the values when it writes them.
struct Table(Sources);

impl Collector for Table {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let reading = self.0.read();
        for metric in METRICS {
            match metric.values {
                Values::Counter(values) => {
                    let write = |encoder: &mut MetricEncoder<'_>, value: &u64| {
                        encoder.encode_counter::<NoLabelSet, _, u64>(value, None)
                    };
                    family(&mut encoder, metric, MetricType::Counter, values(&reading), write)?;
                }
                Values::Gauge(values) => {
                    let write = |encoder: &mut MetricEncoder<'_>, value: &f64| encoder.encode_gauge(value);
                    family(&mut encoder, metric, MetricType::Gauge, values(&reading), write)?;
                }
                Values::Histogram(values) => {
                    family(&mut encoder, metric, MetricType::Histogram, values(&reading), histogram)?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

/// Writes one metric with all its values; nothing if it has none.
fn family<T>(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    metric_type: MetricType,
    values: Series<T>,
    write: impl Fn(&mut MetricEncoder<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    let mut encoder = encoder.encode_descriptor(metric.name, metric.help, None, metric_type)?;
    for (labels, value) in values {
        let labels: Vec<_> = metric.labels.iter().copied().zip(labels).collect();
        write(&mut encoder.encode_family(&labels)?, &value)?;
    }
    Ok(())
}

fn histogram(encoder: &mut MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    let bounds = Histogram::BOUNDS.iter().map(|bound| bound.as_secs_f64()).chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(histogram.counts().iter().copied()).collect();
    encoder.encode_histogram::<NoLabelSet>(histogram.sum().as_secs_f64(), histogram.count(), &buckets, None)
}
