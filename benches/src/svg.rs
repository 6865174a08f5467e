//! Draws plots as SVG: bars, and lines over axes. They have a background, because pages can be light or dark.

use std::fmt::Write;

/// Bars under a title.
pub(crate) struct Bars {
    pub(crate) title: String,
    /// The name and value of each, and whether it is bulla's.
    pub(crate) bars: Vec<(String, f64, bool)>,
}

/// A line of points.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) color: &'static str,
    pub(crate) is_dashed: bool,
}

/// Draws groups of bars, one below the other, each with its own scale.
pub(crate) fn bars(groups: &[Bars]) -> String {
    let mut drawing = Drawing::default();
    let mut y = MARGIN;
    for Bars { title, bars } in groups {
        drawing.text(MARGIN, y + 14.0, "start", "bold", title);
        y += 26.0;
        let longest = bars.iter().map(|(_, value, _)| *value).fold(f64::MIN_POSITIVE, f64::max);
        for (name, value, is_ours) in bars {
            let width = value / longest * BAR_ROOM;
            let color = if *is_ours { OURS } else { THEIRS };
            drawing.text(NAMES - 8.0, y + 14.0, "end", "normal", name);
            drawing.rectangle(NAMES, y + 2.0, width, 16.0, color);
            drawing.text(NAMES + width + 6.0, y + 14.0, "start", "normal", &grouped(*value));
            y += 22.0;
        }
        y += 14.0;
    }
    drawing.finish(y)
}

/// Draws lines over a linear x axis and a logarithmic y axis.
pub(crate) fn lines(title: &str, x_name: &str, y_name: &str, lines: &[Line]) -> String {
    let mut drawing = Drawing::default();
    drawing.text(MARGIN, MARGIN + 14.0, "start", "bold", title);
    let all = || lines.iter().flat_map(|line| &line.points);
    let x_end = all().map(|(x, _)| *x).fold(f64::MIN_POSITIVE, f64::max) * 1.05;
    let least = all().map(|(_, y)| y.log10().floor()).fold(f64::MAX, f64::min);
    let most = all().map(|(_, y)| y.log10().ceil()).fold(f64::MIN, f64::max).max(least + 1.0);
    let x_at = |x: f64| LEFT + x / x_end * (WIDTH - LEFT - MARGIN);
    let y_at = |y: f64| TOP + (most - y.log10()) / (most - least) * HEIGHT;
    let mut decade = least;
    while decade <= most {
        let value = 10_f64.powf(decade);
        drawing.line(LEFT, y_at(value), WIDTH - MARGIN, y_at(value));
        drawing.text(LEFT - 6.0, y_at(value) + 4.0, "end", "normal", &format!("{value} {y_name}"));
        decade += 1.0;
    }
    let step = round_step(x_end / 6.0);
    let mut x = 0.0;
    while x <= x_end {
        drawing.text(x_at(x), TOP + HEIGHT + 18.0, "middle", "normal", &grouped(x));
        x += step;
    }
    drawing.text((LEFT + WIDTH) / 2.0, TOP + HEIGHT + 36.0, "middle", "normal", x_name);
    for (index, line) in lines.iter().enumerate() {
        let points = line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", x_at(*x), y_at(*y)));
        let points: Vec<_> = points.collect();
        drawing.path(&points.join(" "), line.color, line.is_dashed);
        let y = TOP + HEIGHT + 58.0 + index as f64 * 18.0;
        drawing.path(&format!("{LEFT},{y} {},{y}", LEFT + 30.0), line.color, line.is_dashed);
        drawing.text(LEFT + 38.0, y + 4.0, "start", "normal", &line.name);
    }
    drawing.finish(TOP + HEIGHT + 58.0 + lines.len() as f64 * 18.0)
}

#[derive(Default)]
struct Drawing(String);

impl Drawing {
    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{element}").expect("a string takes everything");
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, weight: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.put(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-weight="{weight}">{text}</text>"#
        ));
    }

    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, color: &str) {
        self.put(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{color}"/>"#
        ));
    }

    fn line(&mut self, x: f64, y: f64, to_x: f64, to_y: f64) {
        self.put(format_args!(
            r##"<path d="M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}" stroke="#ddd" fill="none"/>"##
        ));
    }

    fn path(&mut self, points: &str, color: &str, is_dashed: bool) {
        let dashes = if is_dashed { r#" stroke-dasharray="5 4""# } else { "" };
        self.put(format_args!(
            r#"<polyline points="{points}" stroke="{color}" stroke-width="2" fill="none"{dashes}/>"#
        ));
    }

    fn finish(self, height: f64) -> String {
        let height = height + MARGIN / 2.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}</svg>\n",
            self.0
        )
    }
}

/// Returns the step between the marks of an axis: at least `least`, and 1, 2 or 5 followed by zeros.
fn round_step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * decade).into_iter().find(|step| *step >= least).unwrap_or(least)
}

/// Formats a whole number with commas.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const WIDTH: f64 = 720.0;
const MARGIN: f64 = 16.0;
/// The right end of the names of bars.
const NAMES: f64 = 230.0;
const BAR_ROOM: f64 = 400.0;
/// The position of the axes of lines, and the height of the plot.
const LEFT: f64 = 80.0;
const TOP: f64 = 48.0;
const HEIGHT: f64 = 240.0;
pub(crate) const OURS: &str = "#1f6feb";
pub(crate) const THEIRS: &str = "#9aa4b2";
