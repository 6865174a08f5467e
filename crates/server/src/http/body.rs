//! Reading the body of a request, up to its limit, into memory that is wiped.

use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use zeroize::Zeroizing;

/// The body of a request, without chunk framing; wiped when dropped, since it may hold a plaintext.
///
/// What hyper has in its own buffers on the way is overwritten by later requests, not wiped.
pub type Body = Zeroizing<Vec<u8>>;

/// Why a body could not be read.
pub(super) enum Unread {
    TooLarge,
    /// The connection broke, or the framing makes no sense: there is nobody to answer.
    Broken(hyper::Error),
}

/// Reads a body of at most `limit` bytes. One that announces to be larger is refused before a byte of it is read.
pub(super) async fn read(mut incoming: Incoming, limit: usize) -> Result<Body, Unread> {
    let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Unread::TooLarge);
    }
    let mut body = Zeroizing::new(Vec::with_capacity(announced));
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue }; // trailers mean nothing
        if data.len() > limit - body.len() {
            return Err(Unread::TooLarge);
        }
        append(&mut body, &data);
    }
    Ok(body)
}

/// Appends to a body; memory that becomes too small is wiped, not left behind.
pub(super) fn append(body: &mut Body, data: &[u8]) {
    if body.capacity() - body.len() < data.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + data.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(data);
}
