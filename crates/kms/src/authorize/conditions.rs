//! The values of condition keys for one question to the authorizer: facts of the request, the caller and the resource.

use bulla_access::{ConditionKey, Context, Value};
use bulla_keys::Tags;
use bulla_wire::kms::{
    Decrypt, Encrypt, ExportDataKey, GenerateAndExportDataKey, GenerateDataKey,
    GenerateDataKeyWithoutPlaintext,
};

use super::{Permission, Query, Resource};
use crate::origin::{Caller, Proof};
use crate::people::{ManagedPolicy, NameKey, Role};

/// The context in which policies evaluate their conditions.
pub(super) struct Conditions<'q> {
    pub(super) query: &'q Query<'q>,
    /// Whether conditions see facts about the resource itself. A denial must not depend on them.
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
            ConditionKey::ServiceName => None, // only services of the cloud set it
        }
    }
}

impl Conditions<'_> {
    /// The tags of the resource before the request.
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

    /// The algorithm: for a key pair the one that the request names; all other keys have only one.
    fn algorithm(&self) -> Option<&str> {
        let is_symmetric = || SYMMETRIC.contains(&self.query.permission);
        self.query.facts.algorithm.or_else(|| is_symmetric().then_some("SYMMETRIC_DEFAULT"))
    }
}

/// Whether the caller proved a second factor: true or false for a sign-in by password, and for a session what its first caller
/// proved. None for an access key, which cannot prove one.
fn mfa(caller: &Caller) -> Option<bool> {
    match caller {
        Caller::Session(session) => session.mfa,
        Caller::User { proof: Proof::Password { mfa }, .. } => Some(*mfa),
        Caller::User { proof: Proof::AccessKey(_), .. } => None,
        Caller::Root { .. } | Caller::Unsigned | Caller::Owner => None,
    }
}

/// Permissions for operations of symmetric keys.
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
