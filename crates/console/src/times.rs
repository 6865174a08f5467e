//! Points in time: pages show UTC, to which the script adds the reader's local time.

use bulla_wire::Timestamp;
use maud::{Markup, html};

/// Shows a point in time.
pub(crate) fn time(at: Timestamp) -> Markup {
    let machine = at.to_string();
    let shown = machine.replacen('T', " ", 1).replacen('Z', " UTC", 1);
    html! { time datetime=(machine) { (shown) } }
}
