//! The root of an authority: its name, key and certificate, and their representation in the store.
//!
//! A root is replaced a year before it expires. The old key signs the new one first, and is then deleted. Servers send
//! that certificate along, so clients that trust either root accept them until the old one expires:
//!
//! ```text
//! server <- new root                    for clients that have the new ca.pem
//! server <- new root's key <- old root  for clients that have the old one
//! ```

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_kms::Kms;
use minicbor::{Decode, Encode};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::TlsError;

/// A root: a name, a key, and the certificate that binds them.
pub(super) struct Root {
    name: String,
    key: Zeroizing<KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) not_after: i64,
    /// The root that this one replaced.
    predecessor: Option<Predecessor>,
}

/// The remaining parts of a replaced root.
pub(super) struct Predecessor {
    /// Its certificate, for clients that get both roots.
    pub(super) certificate: CertificateDer<'static>,
    /// The certificate that it issued for its successor.
    pub(super) cross: CertificateDer<'static>,
    pub(super) not_after: i64,
}

/// A [`Root`] in the store. Field numbers are permanent.
#[derive(Encode, Decode)]
struct Kept<'a> {
    /// The common name, which certificates repeat as their issuer.
    #[b(0)]
    name: &'a str,
    /// PKCS#8, DER.
    #[cbor(b(1), with = "minicbor::bytes")]
    key: &'a [u8],
    /// X.509, DER.
    #[cbor(b(2), with = "minicbor::bytes")]
    certificate: &'a [u8],
    /// When the certificate expires, in seconds since 1970.
    #[n(3)]
    not_after: i64,
    #[b(4)]
    predecessor: Option<KeptPredecessor<'a>>,
}

/// A [`Predecessor`] in the store.
#[derive(Encode, Decode)]
struct KeptPredecessor<'a> {
    /// X.509, DER.
    #[cbor(b(0), with = "minicbor::bytes")]
    certificate: &'a [u8],
    /// X.509, DER.
    #[cbor(b(1), with = "minicbor::bytes")]
    cross: &'a [u8],
    /// When both expire, in seconds since 1970.
    #[n(2)]
    not_after: i64,
}

impl Root {
    /// Reads the root from the store, or creates the first one. A root that expires soon is replaced.
    pub(super) async fn open(kms: &Kms, now: i64) -> Result<Self, TlsError> {
        let root = match kms.private(STORED_AS) {
            Some(kept) => Self::from_kept(&kept)?,
            None => {
                let root = Self::make(now - BACKDATED, now)?;
                root.keep(kms).await?;
                root
            }
        };
        Ok(root.successor(kms, now).await?.unwrap_or(root))
    }

    /// Creates and stores another root if this one expires soon. The key of this one is then deleted from the store.
    pub(super) async fn successor(&self, kms: &Kms, now: i64) -> Result<Option<Self>, TlsError> {
        if now < self.replace_at() {
            return Ok(None);
        }
        let next = self.succeeded(now)?;
        next.keep(kms).await?;
        Ok(Some(next))
    }

    /// Returns when this root is due for replacement.
    pub(super) fn replace_at(&self) -> i64 {
        self.not_after - OVERLAP
    }

    /// Returns the root that this one replaced, until that expires.
    pub(super) fn predecessor(&self, now: i64) -> Option<&Predecessor> {
        self.predecessor.as_ref().filter(|predecessor| now < predecessor.not_after)
    }

    pub(super) async fn keep(&self, kms: &Kms) -> Result<(), TlsError> {
        kms.set_private(STORED_AS, &self.to_kept()).await.map_err(TlsError::Store)
    }

    fn make(not_before: i64, now: i64) -> Result<Self, TlsError> {
        let key = new_key()?;
        let not_after = now + CA_LIFE;
        // Two authorities with one name confuse clients that find a certificate by the name of its issuer.
        let name = format!("bulla authority {}", &bulla_kms::new_request_id()[..8]);
        let params = ca_params(&name, not_before..not_after, 1); // it certifies servers and its successor
        let certificate = params.self_signed(&*key).map_err(TlsError::Issue)?.der().clone();
        Ok(Self { name, key, certificate, not_after, predecessor: None })
    }

    /// A root whose certificate allows no other authority below it.
    #[cfg(test)]
    pub(super) fn of_the_first_version(now: i64) -> Result<Self, TlsError> {
        let root = Self::make(now - BACKDATED, now)?;
        let params = ca_params(&root.name, now - BACKDATED..root.not_after, 0);
        let certificate = params.self_signed(&*root.key).map_err(TlsError::Issue)?.der().clone();
        Ok(Self { certificate, ..root })
    }

    /// Returns a new root, certified by this one until this one expires. Both certificates are valid from the beginning
    /// of this root: if the clock was ahead, they stay valid when it is corrected, and so do the certificates of this
    /// root.
    fn succeeded(&self, now: i64) -> Result<Self, TlsError> {
        let not_before = (self.not_after - CA_LIFE).min(now) - BACKDATED;
        let next = Self::make(not_before, now)?;
        let mut params = ca_params(&next.name, not_before..self.not_after, 0);
        params.use_authority_key_identifier_extension = true;
        let predecessor = Predecessor {
            certificate: self.certificate.clone(),
            cross: self.sign(&params, &next.key)?,
            not_after: self.not_after,
        };
        Ok(Self { predecessor: Some(predecessor), ..next })
    }

    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        key: &KeyPair,
    ) -> Result<CertificateDer<'static>, TlsError> {
        // Of the issuer, only name, key and usages are used.
        let issuer = ca_params(&self.name, 0..self.not_after, 1);
        let certificate = params.signed_by(key, &Issuer::from_params(&issuer, &*self.key));
        Ok(certificate.map_err(TlsError::Issue)?.der().clone())
    }

    pub(super) fn from_kept(bytes: &[u8]) -> Result<Self, TlsError> {
        let kept: Kept<'_> = minicbor::decode(bytes).map_err(|_| TlsError::Damaged)?;
        let key = PrivatePkcs8KeyDer::from(kept.key);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| TlsError::Damaged)?;
        let certificate = CertificateDer::from(kept.certificate.to_vec());
        let name = kept.name.to_owned();
        let key = Zeroizing::new(key);
        let predecessor = kept.predecessor.map(|kept| Predecessor {
            certificate: CertificateDer::from(kept.certificate.to_vec()),
            cross: CertificateDer::from(kept.cross.to_vec()),
            not_after: kept.not_after,
        });
        Ok(Self { name, key, certificate, not_after: kept.not_after, predecessor })
    }

    pub(super) fn to_kept(&self) -> Zeroizing<Vec<u8>> {
        let kept = Kept {
            name: &self.name,
            key: self.key.serialized_der(),
            certificate: &self.certificate,
            not_after: self.not_after,
            predecessor: self.predecessor.as_ref().map(|predecessor| KeptPredecessor {
                certificate: &predecessor.certificate,
                cross: &predecessor.cross,
                not_after: predecessor.not_after,
            }),
        };
        // The capacity is enough from the start, so no part of the key is left in memory.
        let predecessor =
            kept.predecessor.as_ref().map_or(0, |kept| kept.certificate.len() + kept.cross.len());
        let length = kept.key.len() + kept.certificate.len() + predecessor + 256;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        minicbor::encode(&kept, &mut *bytes).expect("a vector takes everything");
        bytes
    }
}

/// Returns parameters of an authority with at most `authorities` other ones between it and a server.
fn ca_params(name: &str, validity: Range<i64>, authorities: u8) -> CertificateParams {
    let mut params = params(name, validity);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(authorities));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Returns parameters of a certificate that is valid from the start of `validity` to its end, in seconds since 1970.
pub(super) fn params(name: &str, validity: Range<i64>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = time(validity.start);
    params.not_after = time(validity.end);
    params
}

pub(super) fn new_key() -> Result<Zeroizing<KeyPair>, TlsError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Zeroizing::new).map_err(TlsError::Issue)
}

fn time(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Returns a certificate as PEM (RFC 7468).
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    let base64 = STANDARD.encode(certificate);
    let lines = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("base64 is ASCII"));
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

pub(super) const DAY: i64 = 24 * 60 * 60;
/// Ten years: operators install the authority on clients by hand.
pub(super) const CA_LIFE: i64 = 3652 * DAY;
/// The time for clients to install the certificate of another authority.
pub(super) const OVERLAP: i64 = 365 * DAY;
pub(super) const LEAF_LIFE: i64 = 90 * DAY;
/// For clients whose clock is behind.
pub(super) const BACKDATED: i64 = DAY;
const STORED_AS: &str = "tls/authority";

#[cfg(test)]
mod tests {
    use super::*;

    fn root(not_after: i64) -> Root {
        let root = Root::make(NOW - BACKDATED, NOW).unwrap();
        Root { not_after, ..root }
    }

    #[test]
    fn a_root_comes_back_with_its_predecessor() {
        let first = root(NOW + OVERLAP);
        assert_eq!(first.to_kept()[0], 0x84, "the four fields that the first version wrote");
        assert!(Root::from_kept(&first.to_kept()).unwrap().predecessor.is_none());
        let kept = first.succeeded(NOW).unwrap().to_kept();
        let next = Root::from_kept(&kept).unwrap();
        assert_eq!(next.to_kept(), kept);
        let predecessor = next.predecessor(NOW).unwrap();
        assert_eq!((&predecessor.certificate, predecessor.not_after), (&first.certificate, first.not_after));
        let old_key = first.key.serialized_der();
        assert!(!kept.windows(old_key.len()).any(|window| window == old_key), "its key is forgotten");
    }

    #[test]
    fn what_the_store_gives_back_must_be_whole() {
        for kept in [root(NOW).to_kept(), root(NOW).succeeded(NOW).unwrap().to_kept()] {
            assert!(Root::from_kept(&kept).is_ok());
            assert!(matches!(Root::from_kept(&kept[..kept.len() - 1]), Err(TlsError::Damaged)));
        }
    }

    const NOW: i64 = 1_800_000_000;
}
