//! Reading the body of a request, up to its limit, into memory that is wiped.

use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use zeroize::Zeroizing;

use super::intake::Seam;

/// The body of a request, without chunk framing; wiped when dropped, since it may hold a plaintext.
///
/// A chunked one goes through hyper's own buffers, where it is overwritten by later requests, not wiped; any other goes
/// around them.
pub type Body = Zeroizing<Vec<u8>>;

/// Why a body could not be read.
pub(super) enum Unread {
    TooLarge,
    /// The connection broke, or the framing makes no sense: there is nobody to answer.
    Broken(hyper::Error),
}

/// Reads a body of at most `limit` bytes. One that announces to be larger is refused before a byte of it is read.
///
/// hyper reads zeros in place of a body of known length, and says when it is whole: its bytes are in the seam.
pub(super) async fn read(mut incoming: Incoming, limit: usize, seam: &Seam) -> Result<Body, Unread> {
    let size = incoming.size_hint();
    if size.lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    let mut body = Body::default();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue }; // trailers mean nothing
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

/// Appends to a body; memory that becomes too small is wiped, not left behind.
pub(super) fn append(body: &mut Body, data: &[u8]) {
    if body.capacity() - body.len() < data.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + data.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(data);
}
