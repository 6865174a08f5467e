//! A QR code as inline SVG, which needs no other request and no exception in the Content-Security-Policy.

use std::fmt::Write;

use bulla_kms::QrCode;
use maud::{Markup, html};
use zeroize::Zeroizing;

use crate::context::View;
use crate::texts::Text;

/// Draws the code black on white in both themes. Its content is treated as a secret of the page.
pub(crate) fn picture(view: &View, code: &QrCode, label: Text) -> Markup {
    let side = code.size() + 2 * MARGIN;
    html! {
        svg.qr viewBox=(format!("0 0 {side} {side}")) width="240" height="240" role="img" aria-label=(view.text(label)) shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path fill="#000" d=(view.secret(&outline(code))) {}
        }
    }
}

/// Returns the path of the dark modules: one rectangle for each run in a row.
fn outline(code: &QrCode) -> Zeroizing<String> {
    let size = code.size();
    let mut path = Zeroizing::new(String::with_capacity(size * size.div_ceil(2) * LONGEST_RUN));
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let length = (x..size).take_while(|x| code.is_dark(*x, y)).count();
            if length > 0 {
                let run = write!(path, "M{} {}h{length}v1h-{length}z", x + MARGIN, y + MARGIN);
                run.expect("a string takes what is written to it");
            }
            x += length.max(1);
        }
    }
    path
}

/// The width of the light border, in modules.
const MARGIN: usize = 4;
/// Maximum number of bytes that describe a run.
const LONGEST_RUN: usize = 24;
