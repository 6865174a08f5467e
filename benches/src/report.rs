//! Prints figures and targets, and computes medians and percentiles.

/// A target of the project: a value that must be reached, and a better one as a stretch goal.
#[derive(Clone, Copy)]
pub(crate) struct Goal {
    /// Whether a higher value is better.
    rising: bool,
    must: Option<f64>,
    stretch: Option<f64>,
}

impl Goal {
    pub(crate) fn at_least(must: impl Into<Option<f64>>, stretch: impl Into<Option<f64>>) -> Self {
        Self { rising: true, must: must.into(), stretch: stretch.into() }
    }

    pub(crate) fn at_most(must: impl Into<Option<f64>>, stretch: impl Into<Option<f64>>) -> Self {
        Self { rising: false, must: must.into(), stretch: stretch.into() }
    }

    /// Returns each bound, and whether it was reached.
    fn judge(self, measured: f64) -> String {
        let sign = if self.rising { ">=" } else { "<=" };
        let bounds = [("must", self.must), ("stretch", self.stretch)];
        let judged = bounds.iter().filter_map(|(name, bound)| {
            let bound = (*bound)?;
            let reached = if self.rising { measured >= bound } else { measured <= bound };
            let verdict = if reached { "met" } else { "MISSED" };
            Some(format!("{name} {sign} {}: {verdict}", digits(bound)))
        });
        judged.collect::<Vec<_>>().join(", ")
    }
}

/// Prints a heading.
pub(crate) fn heading(text: &str) {
    println!("\n{text}");
}

/// Prints a figure that has no target.
pub(crate) fn figure(name: &str, measured: f64, unit: &str) {
    println!("  {name:<52} {:>9} {unit}", digits(measured));
}

/// Prints a figure beside its target.
pub(crate) fn judge(name: &str, measured: f64, unit: &str, goal: Goal) {
    println!("  {name:<52} {:>9} {unit:<5} {}", digits(measured), goal.judge(measured));
}

/// Prints that a side is not measured, and why.
pub(crate) fn left_out(name: &str, why: &str) {
    println!("  LEFT OUT: {name}: {why}");
}

/// Returns the median; of an even number of values, the upper one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(&sorted(values), 0.5)
}

pub(crate) fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Returns the value that `part` of the sorted values do not exceed.
pub(crate) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let index = (sorted.len() as f64 * part) as usize;
    sorted[index.min(sorted.len() - 1)]
}

/// Formats a value with three significant digits, or as a whole number from 100.
fn digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
