//! A policy document as it was written, and the principals that its names meant then.

use minicbor::{Decode, Encode};

use super::id::PrincipalId;

/// The text of a policy with principals: a trust policy, or the policy of a key or secret.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Document {
    /// As it was written.
    #[n(0)]
    pub(crate) text: Box<str>,
    /// Whom each user and role in the text meant when it was written.
    #[n(1)]
    pub(crate) bindings: Vec<Binding>,
}

/// A user or role in a document, and the id that it had when the document was written. One that is made later under the
/// same name has another id, so the document gives it nothing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Binding {
    /// As the document has it: an ARN.
    #[n(0)]
    pub(crate) principal: Box<str>,
    #[n(1)]
    pub(crate) id: PrincipalId,
}
