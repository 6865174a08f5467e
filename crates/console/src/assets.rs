//! The style sheet, the script and the icon. Their paths contain a hash of their content, so browsers may cache them forever.

use std::fmt::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};

use crate::PREFIX;
use crate::http::Answer;

/// A file embedded in the program.
pub(crate) struct Asset {
    pub(crate) path: String,
    content_type: &'static str,
    bytes: &'static [u8],
}

pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style.css", "text/css; charset=utf-8", include_bytes!("../assets/style.css"))
});
pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("script.js", "text/javascript; charset=utf-8", include_bytes!("../assets/script.js"))
});
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")));

/// Returns the asset at a path.
pub(crate) fn find(path: &str) -> Option<Answer> {
    let asset = [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.path == path)?;
    Some(Answer::asset(asset.content_type, asset.bytes))
}

impl Asset {
    fn new(name: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let mut path = format!("{PREFIX}assets/");
        for byte in &digest(&SHA256, bytes).as_ref()[..8] {
            write!(path, "{byte:02x}").expect("a string takes everything");
        }
        path.push('/');
        path.push_str(name);
        Self { path, content_type, bytes }
    }
}
