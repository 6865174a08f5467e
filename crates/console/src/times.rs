//! Points in time on a page: UTC, which the script completes by the reader's own zone.

use bulla_wire::Timestamp;
use maud::{Markup, html};

/// A point in time.
pub(crate) fn time(at: Timestamp) -> Markup {
    let machine = at.to_string();
    let shown = machine.replacen('T', " ", 1).replacen('Z', " UTC", 1);
    html! { time datetime=(machine) { (shown) } }
}
