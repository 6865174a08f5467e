//! Reads the body of a request, up to its limit, into memory that is wiped.

use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use zeroize::Zeroizing;

use super::intake::Seam;

/// The body of a request, without chunk framing; wiped on drop, because it may hold a plaintext.
///
/// A chunked body passes through hyper's own buffers, which later requests overwrite, but nothing wipes. Any other body
/// bypasses them.
pub type Body = Zeroizing<Vec<u8>>;

/// Why a body could not be read.
pub(super) enum Unread {
    TooLarge,
    /// The connection broke, or the framing is malformed: no answer is possible.
    Broken(hyper::Error),
}

/// Reads a body of at most `limit` bytes. One that announces a greater length is refused before any byte of it is read.
///
/// hyper reads zeros in place of a body of known length, and recognizes its end; the bytes themselves are in the seam.
pub(super) async fn read(mut incoming: Incoming, limit: usize, seam: &Seam) -> Result<Body, Unread> {
    let size = incoming.size_hint();
    if size.lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    let mut body = Body::default();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue }; // trailers are ignored
        if size.exact().is_some() {
            continue;
        }
        if data.len() > limit - body.len() {
            return Err(Unread::TooLarge);
        }
        append(&mut body, &data);
    }
    Ok(if size.exact().is_some() { seam.take_body() } else { body })
}

/// Appends to a body. Memory that becomes too small is wiped.
pub(super) fn append(body: &mut Body, data: &[u8]) {
    if body.capacity() - body.len() < data.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + data.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(data);
}
