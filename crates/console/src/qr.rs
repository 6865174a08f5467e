//! A QR code as a picture in the page: no other request, and no exception from the Content-Security-Policy.

use std::fmt::Write;

use bulla_kms::QrCode;
use maud::{Markup, html};
use zeroize::Zeroizing;

use crate::context::View;
use crate::texts::Text;

/// The picture, in black on white in either theme. What it shows is a secret of the page.
pub(crate) fn picture(view: &View, code: &QrCode, label: Text) -> Markup {
    let side = code.size() + 2 * MARGIN;
    html! {
        svg.qr viewBox=(format!("0 0 {side} {side}")) width="240" height="240" role="img" aria-label=(view.say(label)) shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path fill="#000" d=(view.secret(&outline(code))) {}
        }
    }
}

/// One rectangle for each run of dark modules in a row.
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

/// Light modules that belong around the code.
const MARGIN: usize = 4;
/// Bytes that describe a run, at most.
const LONGEST_RUN: usize = 24;
