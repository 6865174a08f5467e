//! The root of an authority: its name, key and certificate, and what the store keeps of them.

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

/// What an authority is: a name, a key, and the certificate that binds them.
pub(super) struct Root {
    pub(super) name: String,
    pub(super) key: Zeroizing<KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) not_after: i64,
}

/// A [`Root`] as the store keeps it. Field numbers are for ever.
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
    /// When the certificate ends: seconds since 1970.
    #[n(3)]
    not_after: i64,
}

impl Root {
    pub(super) async fn open(kms: &Kms, now: i64) -> Result<Self, TlsError> {
        if let Some(kept) = kms.private(STORED_AS) {
            let root = Self::from_kept(&kept)?;
            if root.not_after - now > LEAF_LIFE {
                return Ok(root);
            }
        }
        let root = Self::make(now)?;
        kms.set_private(STORED_AS, &root.to_kept()).await.map_err(TlsError::Store)?;
        Ok(root)
    }

    pub(super) fn make(now: i64) -> Result<Self, TlsError> {
        let (key, not_after) = (new_key()?, now + CA_LIFE);
        // Two authorities with one name confuse clients that look a certificate up by the name of its issuer.
        let name = format!("bulla authority {}", &bulla_kms::new_request_id()[..8]);
        let certificate = ca_params(&name, now, not_after).self_signed(&*key).map_err(TlsError::Issue)?;
        Ok(Self { name, key, certificate: certificate.der().clone(), not_after })
    }

    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        key: &KeyPair,
        now: i64,
    ) -> Result<CertificateDer<'static>, TlsError> {
        let issuer = ca_params(&self.name, now, self.not_after);
        let certificate = params.signed_by(key, &Issuer::from_params(&issuer, &*self.key));
        Ok(certificate.map_err(TlsError::Issue)?.der().clone())
    }

    pub(super) fn from_kept(bytes: &[u8]) -> Result<Self, TlsError> {
        let kept: Kept<'_> = minicbor::decode(bytes).map_err(|_| TlsError::Damaged)?;
        let key = PrivatePkcs8KeyDer::from(kept.key);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| TlsError::Damaged)?;
        let certificate = CertificateDer::from(kept.certificate.to_vec());
        let (name, key) = (kept.name.to_owned(), Zeroizing::new(key));
        Ok(Self { name, key, certificate, not_after: kept.not_after })
    }

    pub(super) fn to_kept(&self) -> Zeroizing<Vec<u8>> {
        let kept = Kept {
            name: &self.name,
            key: self.key.serialized_der(),
            certificate: &self.certificate,
            not_after: self.not_after,
        };
        // Large enough from the start, so that no half of the key stays behind in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(kept.key.len() + kept.certificate.len() + 256));
        minicbor::encode(&kept, &mut *bytes).expect("a vector takes everything");
        bytes
    }
}

fn ca_params(name: &str, now: i64, not_after: i64) -> CertificateParams {
    let mut params = params(name, now, not_after);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)); // it certifies servers, no other authorities
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(super) fn params(name: &str, now: i64, not_after: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = time(now - BACKDATED);
    params.not_after = time(not_after);
    params
}

pub(super) fn new_key() -> Result<Zeroizing<KeyPair>, TlsError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Zeroizing::new).map_err(TlsError::Issue)
}

fn time(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// PEM (RFC 7468) of a certificate.
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
/// Ten years: clients are told about the authority by hand.
const CA_LIFE: i64 = 3652 * DAY;
/// An authority that ends before a certificate would is replaced at the next start.
pub(super) const LEAF_LIFE: i64 = 90 * DAY;
/// For clients whose clock is behind.
const BACKDATED: i64 = DAY;
pub(super) const STORED_AS: &str = "tls/authority";
