//! A policy document with principals: its text, the parsed policy, and the ids that its names referred to when it was
//! written.

use std::marker::PhantomData;
use std::sync::Arc;

use bulla_access::{Policy, PolicyError, PolicyKind, PrincipalId, PrincipalName};
use minicbor::{Decode, Decoder, Encode, Encoder};

use super::id::principal_id;

/// A policy with principals. It is parsed when it is written, and when the store is opened. A document that does not parse is
/// a damaged record, because its Deny statements would be lost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document<K> {
    stored: Stored,
    policy: Arc<Policy>,
    kind: PhantomData<K>,
}

/// The kind of record that a policy with principals belongs to.
pub(crate) trait DocumentKind {
    const KIND: PolicyKind;
}

/// The trust policy of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfRole {}

/// The policy of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfKey {}

/// The policy of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfSecret {}

impl DocumentKind for OfRole {
    const KIND: PolicyKind = PolicyKind::Trust;
}

impl DocumentKind for OfKey {
    const KIND: PolicyKind = PolicyKind::Key;
}

impl DocumentKind for OfSecret {
    const KIND: PolicyKind = PolicyKind::Secret;
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Stored {
    /// The text as written.
    #[n(0)]
    text: Box<str>,
    /// The account that it was written for, which may have been a presumed one.
    #[n(1)]
    account: Box<str>,
    /// The ids of the users and roles in the text when it was written.
    #[n(2)]
    bindings: Vec<Binding>,
}

/// A user or role in a document, and its id when the document was written. A user or role that is created later with the same
/// name has another id, so the document grants it nothing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Binding {
    /// The ARN in the document.
    #[n(0)]
    principal: Box<str>,
    #[n(1)]
    #[cbor(with = "principal_id")]
    id: PrincipalId,
}

impl<K: DocumentKind> Document<K> {
    /// Parses a document for `account`, and binds the users and roles in it to the ids that `resolve` returns.
    ///
    /// # Errors
    /// The first error of the document, with its position, including a user or role that does not exist.
    pub(crate) fn parse(
        account: &str,
        text: &str,
        resolve: impl Fn(&PrincipalName) -> Option<PrincipalId>,
    ) -> Result<Self, PolicyError> {
        let mut bindings = Vec::new();
        let policy = Policy::parse(K::KIND, account, text)?.bind(|name| {
            let id = resolve(name)?;
            bindings.push(Binding { principal: name.arn(account).into(), id });
            Some(id)
        })?;
        let stored = Stored { text: text.into(), account: account.into(), bindings };
        Ok(Self { stored, policy: policy.into(), kind: PhantomData })
    }

    /// The text as written.
    pub(crate) fn text(&self) -> &str {
        &self.stored.text
    }

    /// The parsed policy.
    pub(crate) fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    fn of(stored: Stored) -> Result<Self, PolicyError> {
        let Stored { text, account, bindings } = &stored;
        let id = |name: &PrincipalName| {
            let arn = name.arn(account);
            bindings.iter().find(|binding| *binding.principal == *arn).map(|binding| binding.id)
        };
        let policy = Policy::parse(K::KIND, account, text)?.bind(id)?.into();
        Ok(Self { stored, policy, kind: PhantomData })
    }
}

impl<C, K> Encode<C> for Document<K> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.stored.encode(e, context)
    }
}

impl<'b, C, K: DocumentKind> Decode<'b, C> for Document<K> {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        let stored = Stored::decode(d, context)?;
        Self::of(stored).map_err(|_| minicbor::decode::Error::message("a policy that does not parse"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::random_principal_id;
    use super::*;

    const TRUST: &str = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"RAM": ["acs:ram::42:user/Alice", "acs:ram::42:root"]}}]}"#;

    #[test]
    fn a_document_comes_back_bound_to_the_same_ids() {
        let alice = random_principal_id();
        let document = Document::<OfRole>::parse("42", TRUST, |_| Some(alice)).unwrap();
        let back: Document<OfRole> = minicbor::decode(&minicbor::to_vec(&document).unwrap()).unwrap();
        assert_eq!(back, document);
        assert_eq!(back.text(), TRUST);
        let other = Document::<OfRole>::parse("42", TRUST, |_| Some(random_principal_id())).unwrap();
        assert_ne!(other.policy(), document.policy());
    }

    #[test]
    fn a_document_names_users_that_exist() {
        Document::<OfRole>::parse("42", TRUST, |_| None).unwrap_err();
    }

    #[test]
    fn a_record_whose_policy_does_not_parse_is_damaged() {
        let document = Document::<OfRole>::parse("42", TRUST, |_| Some(random_principal_id())).unwrap();
        let bytes = minicbor::to_vec(&document).unwrap();
        minicbor::decode::<Document<OfKey>>(&bytes).unwrap_err();
        let unbound = Stored { bindings: vec![], ..document.stored };
        minicbor::decode::<Document<OfRole>>(&minicbor::to_vec(&unbound).unwrap()).unwrap_err();
    }
}
