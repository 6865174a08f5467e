//! The encoding of a security token, which contains a sealed session.
//!
//! ```text
//! token   = base64url without padding (version (u8 = 1) ‖ epoch (u32be) ‖ length (u8) ‖ access key id ‖ sealed)
//! sealed  = content, a CBOR map with numbered fields, sealed by the STS key of the epoch for the access key id (TokenKey)
//! content = 0: secret, 1: expires, 2: source, 3: roles, 4: session policy, 5: source identity, 6: second factor
//! source  = [0, [user id, access key id]] or [1, [provider, issuer, subject]]
//! role    = {0: role id, 1: session name, 2: not-before of the role}
//! ```
//!
//! The access key id is in plaintext, because a token that is used with another access key has an error code of its own.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_access::{Policy, PolicyKind};
use bulla_keys::{SystemRandom, TokenKey};
use bulla_wire::SecretText;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::origin::{AssumedRole, RoleSession, SessionSource};

/// A parsed token, its content still sealed.
pub(crate) struct SealedToken {
    bytes: Zeroizing<Vec<u8>>,
    /// The end of the access key id.
    id_end: usize,
}

/// Seals a session, the text of its policy, and the secret of its access key.
pub(crate) fn seal(
    key: &TokenKey,
    session: &RoleSession,
    policy: Option<&str>,
    secret: &SecretText,
) -> SecretText {
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_LEN)); // a growing buffer would leave the secret in memory
    minicbor::encode(Content::of(session, policy, secret), &mut *content)
        .expect("writing to memory does not fail");
    let id = session.access_key_id.as_bytes();
    let id_len = u8::try_from(id.len()).expect("ids of temporary access keys are short");
    let sealed = key.seal_token(&session.access_key_id, &content, &SystemRandom);
    let bytes = [&[VERSION], &key.epoch().to_be_bytes()[..], &[id_len], id, &sealed].concat();
    URL_SAFE_NO_PAD.encode(bytes).into()
}

impl SealedToken {
    /// Parses a token; none if the text is not a token of this version.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let id_end = HEAD + usize::from(*bytes.get(HEAD - 1)?);
        let is_readable = bytes[0] == VERSION && bytes.get(HEAD..id_end).is_some_and(|id| id.is_ascii());
        is_readable.then_some(Self { bytes, id_end })
    }

    /// The number of the STS key that sealed it.
    pub(crate) fn epoch(&self) -> [u8; 4] {
        *self.bytes[1..].first_chunk().expect("the head was there when it was parsed")
    }

    /// The access key that it belongs to, if it opens.
    pub(crate) fn access_key_id(&self) -> &str {
        str::from_utf8(&self.bytes[HEAD..self.id_end]).expect("it is ASCII")
    }

    /// Returns the session and the secret of its access key; none if the token was edited or belongs to another store.
    pub(crate) fn open(&self, key: &TokenKey, account: &str) -> Option<(RoleSession, SecretText)> {
        if self.epoch() != key.epoch().to_be_bytes() {
            return None;
        }
        let id = self.access_key_id();
        let content = key.open_token(id, &self.bytes[self.id_end..]).ok()?;
        let content: Content<'_> = minicbor::decode(&content).ok()?;
        let is_chain = (1..=RoleSession::MAX_LINKS).contains(&content.roles.len());
        let session = content.session(id, account).filter(|_| is_chain)?;
        Some((session, content.secret.to_owned().into()))
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Content<'b> {
    #[b(0)]
    secret: &'b str,
    #[n(1)]
    expires: i64,
    #[b(2)]
    source: EncodedSource<'b>,
    #[b(3)]
    roles: Vec<Link<'b>>,
    #[b(4)]
    policy: Option<&'b str>,
    #[b(5)]
    source_identity: Option<&'b str>,
    #[n(6)]
    mfa: Option<bool>,
}

#[derive(Encode, Decode)]
enum EncodedSource<'b> {
    #[n(0)]
    User {
        #[n(0)]
        id: u64,
        #[b(1)]
        access_key_id: &'b str,
    },
    #[n(1)]
    Oidc {
        #[b(0)]
        provider: &'b str,
        #[b(1)]
        issuer: &'b str,
        #[b(2)]
        subject: &'b str,
    },
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Link<'b> {
    #[n(0)]
    role: u64,
    #[b(1)]
    session_name: &'b str,
    #[n(2)]
    not_before: i64,
}

impl<'b> Content<'b> {
    fn of(session: &'b RoleSession, policy: Option<&'b str>, secret: &'b SecretText) -> Self {
        let source = match &session.source {
            SessionSource::User { id, access_key_id } => {
                EncodedSource::User { id: id.as_u64(), access_key_id }
            }
            SessionSource::Oidc { provider, issuer, subject } => {
                EncodedSource::Oidc { provider, issuer, subject }
            }
        };
        let link = |role: &'b AssumedRole| Link {
            role: role.id.as_u64(),
            session_name: &role.session_name,
            not_before: role.not_before,
        };
        Self {
            secret: secret.expose(),
            expires: session.expires,
            source,
            roles: session.roles.iter().map(link).collect(),
            policy,
            source_identity: session.source_identity.as_deref(),
            mfa: session.mfa,
        }
    }

    fn session(&self, access_key_id: &str, account: &str) -> Option<RoleSession> {
        let source = match self.source {
            EncodedSource::User { id, access_key_id } => {
                SessionSource::User { id: id.try_into().ok()?, access_key_id: access_key_id.into() }
            }
            EncodedSource::Oidc { provider, issuer, subject } => SessionSource::Oidc {
                provider: provider.into(),
                issuer: issuer.into(),
                subject: subject.into(),
            },
        };
        let role = |link: &Link<'_>| {
            let session_name = link.session_name.into();
            Some(AssumedRole { id: link.role.try_into().ok()?, session_name, not_before: link.not_before })
        };
        let policy = match self.policy {
            Some(text) => Some(Arc::new(Policy::parse(PolicyKind::Session, account, text).ok()?)),
            None => None,
        };
        Some(RoleSession {
            access_key_id: access_key_id.into(),
            source,
            roles: self.roles.iter().map(role).collect::<Option<_>>()?,
            policy,
            source_identity: self.source_identity.map(Into::into),
            mfa: self.mfa,
            expires: self.expires,
        })
    }
}

const VERSION: u8 = 1;
/// Version, epoch, and the length of the access key id.
const HEAD: usize = 1 + 4 + 1;
/// Maximum characters of a token: a policy of 2048 characters of four bytes each, names and ids in base64.
const MAX_LEN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use bulla_access::PrincipalId;
    use bulla_keys::StoreId;

    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn key() -> TokenKey {
        TokenKey::random(StoreId::random(&SystemRandom), 1, &SystemRandom)
    }

    /// A policy of maximum length, in characters of four bytes.
    fn policy() -> String {
        let head =
            r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"acs:kms:*:*:key/"#;
        let tail = r#""}]}"#;
        format!("{head}{}{tail}", "\u{10ffff}".repeat(2048 - head.len() - tail.len()))
    }

    fn session(links: usize) -> RoleSession {
        let role = |n: usize| AssumedRole {
            id: PrincipalId::from_random(n as u64),
            session_name: "s".repeat(64).into(),
            not_before: 5,
        };
        RoleSession {
            access_key_id: "STS.abcdefghijkmnpqrstuv".into(),
            source: SessionSource::User { id: PrincipalId::from_random(9), access_key_id: "BULLAa".into() },
            roles: (0..links).map(role).collect(),
            policy: Some(Policy::parse(PolicyKind::Session, ACCOUNT, &policy()).unwrap().into()),
            source_identity: Some("i".repeat(64).into()),
            mfa: Some(true),
            expires: 1_800_000_000,
        }
    }

    fn secret() -> SecretText {
        String::from("0123456789abcdefghijklmnopqrst").into()
    }

    #[test]
    fn a_session_comes_back_from_its_token() {
        let key = key();
        let of_user = session(RoleSession::MAX_LINKS);
        let subject = "x".repeat(255).into();
        let source = SessionSource::Oidc { provider: "ci".into(), issuer: "https://ci".into(), subject };
        let of_token = RoleSession { source, policy: None, source_identity: None, mfa: None, ..session(1) };
        for session in [of_user, of_token] {
            let policy = session.policy.is_some().then(policy);
            let token = seal(&key, &session, policy.as_deref(), &secret());
            assert!(token.expose().len() < MAX_LEN, "{}", token.expose().len());
            let sealed = SealedToken::parse(token.expose()).unwrap();
            assert_eq!((sealed.epoch(), sealed.access_key_id()), ([0, 0, 0, 1], &*session.access_key_id));
            let (opened, its_secret) = sealed.open(&key, ACCOUNT).unwrap();
            assert_eq!(opened, session);
            assert_eq!(its_secret.expose(), secret().expose());
        }
    }

    #[test]
    fn an_edited_token_does_not_open() {
        let key = key();
        let token = seal(&key, &RoleSession { policy: None, ..session(1) }, None, &secret());
        let opens =
            |text: &str| SealedToken::parse(text).is_some_and(|token| token.open(&key, ACCOUNT).is_some());
        assert!(opens(token.expose()));
        for (position, old) in token.expose().bytes().enumerate() {
            let mut edited = token.expose().as_bytes().to_vec();
            edited[position] = if old == b'A' { b'B' } else { b'A' };
            assert!(!opens(&String::from_utf8(edited).unwrap()), "{position}");
            assert!(!opens(&token.expose()[..position]), "cut at {position}");
        }
        for text in ["", "A", "not a token", &"A".repeat(100_000), &format!("{}A", token.expose())] {
            assert!(!opens(text));
        }
        assert!(
            SealedToken::parse(token.expose()).unwrap().open(&self::key(), ACCOUNT).is_none(),
            "another store"
        );
    }

    #[test]
    fn chains_without_a_role_or_of_five_do_not_open() {
        let key = key();
        for links in [0, RoleSession::MAX_LINKS + 1] {
            let token = seal(&key, &session(links), None, &secret());
            assert!(SealedToken::parse(token.expose()).unwrap().open(&key, ACCOUNT).is_none(), "{links}");
        }
    }
}
