//! What the conditions of policies see of a question.

use bulla_access::{ConditionKey, Context, Value};
use bulla_keys::Tags;
use bulla_wire::kms::{
    Decrypt, Encrypt, ExportDataKey, GenerateAndExportDataKey, GenerateDataKey,
    GenerateDataKeyWithoutPlaintext,
};

use super::{Permission, Query, Resource};
use crate::origin::{Caller, Proof};
use crate::people::{ManagedPolicy, NameKey, Role};

/// A question, as conditions look at it.
pub(super) struct Conditions<'q> {
    pub(super) query: &'q Query<'q>,
    /// Whether what is known of the resource itself counts. What a denied caller is told must not depend on it.
    pub(super) sees_resource: bool,
}

impl Context for Conditions<'_> {
    fn value(&self, key: &ConditionKey) -> Option<Value<'_>> {
        let Query { caller, connection, time, facts, .. } = self.query;
        let token = facts.token;
        match key {
            ConditionKey::CurrentTime => Some(Value::Date(*time)),
            ConditionKey::SecureTransport => Some(Value::Boolean(connection.tls)),
            ConditionKey::SourceIp => connection.source.map(|address| Value::Address(address.to_canonical())),
            ConditionKey::MfaPresent => mfa(caller).map(Value::Boolean),
            ConditionKey::ResourceTag(name) => self.tags()?.get(name).map(Value::Text),
            ConditionKey::KeyTag(name) => {
                let tags = self.tags().filter(|_| matches!(self.query.resource, Resource::Key(_)));
                tags?.get(name).map(Value::Text)
            }
            ConditionKey::RequestTag(name) => facts.tags?.get(name).map(Value::Text),
            ConditionKey::EncryptionAlgorithm => self.algorithm().map(Value::Text),
            ConditionKey::EncryptionContext(name) => {
                facts.encryption_context?.0.get(&**name).map(|value| Value::Text(value))
            }
            ConditionKey::ExternalId => facts.external_id.map(Value::Text),
            ConditionKey::OidcIssuer => token.map(|token| Value::Text(token.issuer)),
            ConditionKey::OidcAudience => token.map(|token| Value::Texts(token.audiences)),
            ConditionKey::OidcSubject => token.map(|token| Value::Text(token.subject)),
            ConditionKey::ServiceName => None, // of services of the cloud
        }
    }
}

impl Conditions<'_> {
    /// The tags of the resource, before the request changes them.
    fn tags(&self) -> Option<&Tags> {
        let Query { resource, snapshot, .. } = self.query;
        if !self.sees_resource {
            return None;
        }
        match resource {
            Resource::Key(id) => Some(&snapshot.key(*id)?.record.tags),
            Resource::Secret(name) => Some(&snapshot.secret(&name.parse().ok()?)?.record.tags),
            Resource::Role(name) => Some(&snapshot.get::<Role>(&NameKey::of(name))?.record.tags),
            Resource::Policy(name) => Some(&snapshot.get::<ManagedPolicy>(&NameKey::of(name))?.record.tags),
            _ => None,
        }
    }

    /// Of a key pair it is the one that the request names; all other keys have one algorithm.
    fn algorithm(&self) -> Option<&str> {
        let is_symmetric = || SYMMETRIC.contains(&self.query.permission);
        self.query.facts.algorithm.or_else(|| is_symmetric().then_some("SYMMETRIC_DEFAULT"))
    }
}

/// Whether a second factor was proved. An access key has none to ask for, which is no answer rather than a no; a sign-in by
/// password says yes or no for itself.
fn mfa(caller: &Caller) -> Option<bool> {
    match caller {
        Caller::Session(session) => session.mfa,
        Caller::User { proof: Proof::Password { mfa }, .. } => Some(*mfa),
        Caller::User { proof: Proof::AccessKey(_), .. } => None,
        Caller::Root { .. } | Caller::Unsigned | Caller::Owner => None,
    }
}

/// What seals or opens with a symmetric key.
const SYMMETRIC: &[Permission] = &[
    Permission::of::<Encrypt>(),
    Permission::of::<Decrypt>(),
    Permission::of::<GenerateDataKey>(),
    Permission::of::<GenerateDataKeyWithoutPlaintext>(),
    Permission::of::<ExportDataKey>(),
    Permission::of::<GenerateAndExportDataKey>(),
    Permission::RE_ENCRYPT_FROM,
    Permission::RE_ENCRYPT_TO,
];
