//! Public-key cryptography behind one interface: key generation, signatures and encryption for RSA, elliptic curves and SM2.
//! MACs are in a submodule.
//!
//! Keys are bytes: private keys are PKCS#8 (RFC 5208) in DER, public keys SubjectPublicKeyInfo (RFC 5280) in DER. Each
//! family of keys has a file in `crypto/`, which this file calls according to spec and algorithm. No function checks
//! permissions or key states; `keyring.rs` does that before.

use std::fmt;

use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rsa::KeySize;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The name in the API, case-sensitive.
            #[allow(dead_code, reason = "not every kind of name is answered")]
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Returns the algorithm with this name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

mod ec;
pub(crate) mod mac;
mod rsa;
mod sm2;

#[cfg(test)]
mod testing;

/// Decodes base64 of a secret. Wipes the memory even if the text is not base64.
pub(crate) fn from_base64(text: impl AsRef<[u8]>) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.as_ref();
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// The kind of an asymmetric key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsymmetricSpec {
    /// RSA with a modulus of 2048 bits.
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    Rsa3072,
    /// The curve secp256r1, for signatures.
    EcP256,
    /// The curve secp256k1, for signatures.
    EcP256K,
    /// The SM2 curve of GB/T 32918.5.
    EcSm2,
}

/// A new key.
pub(crate) struct KeyPair {
    /// PKCS#8.
    pub(crate) private: Zeroizing<Vec<u8>>,
    /// SubjectPublicKeyInfo.
    pub(crate) public: Vec<u8>,
}

/// A failed operation. All reasons look alike from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// Generates a key. RSA takes up to several seconds.
pub(crate) fn generate(spec: AsymmetricSpec) -> Result<KeyPair, Failed> {
    match spec.family() {
        Family::Rsa(size) => rsa::generate(size),
        Family::Ec(curve) => ec::generate(curve),
        Family::Sm2 => sm2::generate(),
    }
}

named! {
    /// An algorithm for signing a digest.
    SignatureAlgorithm {
        /// RSASSA-PSS (RFC 8017) with SHA-256, MGF1 with SHA-256, and a salt of 32 bytes and no other.
        RsaPssSha256 = "RSA_PSS_SHA_256",
        /// RSASSA-PKCS1-v1_5 (RFC 8017) with SHA-256.
        RsaPkcs1Sha256 = "RSA_PKCS1_SHA_256",
        /// ECDSA (FIPS 186-5) with SHA-256.
        EcdsaSha256 = "ECDSA_SHA_256",
        /// SM2 (GB/T 32918.2), over SM3(Z_A ‖ M): the digest covers the signer's name and public key.
        Sm2Dsa = "SM2DSA",
    }
}

impl SignatureAlgorithm {
    /// Whether keys of this spec support the algorithm.
    pub(crate) fn fits(self, spec: AsymmetricSpec) -> bool {
        self.scheme(spec).is_ok()
    }

    fn scheme(self, spec: AsymmetricSpec) -> Result<SignatureScheme, Failed> {
        match (self, spec.family()) {
            (Self::RsaPssSha256, Family::Rsa(size)) => Ok(SignatureScheme::Rsa(size, &rsa::PSS)),
            (Self::RsaPkcs1Sha256, Family::Rsa(size)) => Ok(SignatureScheme::Rsa(size, &rsa::PKCS1_V1_5)),
            (Self::EcdsaSha256, Family::Ec(curve)) => Ok(SignatureScheme::Ecdsa(curve)),
            (Self::Sm2Dsa, Family::Sm2) => Ok(SignatureScheme::Sm2),
            _ => Err(Failed),
        }
    }
}

/// Signs a digest.
pub(crate) fn sign(
    spec: AsymmetricSpec,
    algorithm: SignatureAlgorithm,
    private: &[u8],
    digest: &[u8; 32],
) -> Result<Vec<u8>, Failed> {
    match algorithm.scheme(spec)? {
        SignatureScheme::Rsa(size, scheme) => rsa::sign(size, scheme, private, digest),
        SignatureScheme::Ecdsa(curve) => ec::sign(curve, private, digest),
        SignatureScheme::Sm2 => sm2::sign(private, digest),
    }
}

/// Whether `signature` is valid for the digest and the public key, in the encoding of [`sign`].
pub(crate) fn verify(
    spec: AsymmetricSpec,
    algorithm: SignatureAlgorithm,
    public: &[u8],
    digest: &[u8; 32],
    signature: &[u8],
) -> bool {
    let verified = algorithm.scheme(spec).and_then(|scheme| match scheme {
        SignatureScheme::Rsa(size, scheme) => rsa::verify(size, scheme, public, digest, signature),
        SignatureScheme::Ecdsa(curve) => ec::verify(curve, public, digest, signature),
        SignatureScheme::Sm2 => sm2::verify(public, digest, signature),
    });
    verified.is_ok()
}

named! {
    /// An algorithm for encrypting a plaintext.
    EncryptionAlgorithm {
        /// RSAES-OAEP (RFC 8017) with SHA-256, MGF1 with SHA-256, and no label.
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        /// RSAES-OAEP (RFC 8017) with SHA-1, MGF1 with SHA-1, and no label.
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        /// RSAES-PKCS1-v1_5 (RFC 8017), for the import of keys only. Caveat: an attacker who learns, from a reply or its
        /// timing, whether the padding was right can decrypt without the key (Bleichenbacher).
        RsaesPkcs1V15 = "RSAES_PKCS1_V1_5",
        /// SM2 (GB/T 32918.4) with SM3; not for empty plaintexts.
        Sm2Pke = "SM2PKE",
    }
}

impl EncryptionAlgorithm {
    /// Whether callers may encrypt data with it. The algorithms that only wrap imported material are excluded.
    pub(crate) fn is_for_data(self) -> bool {
        self != Self::RsaesPkcs1V15
    }

    /// Whether keys of this spec support the algorithm.
    pub(crate) fn fits(self, spec: AsymmetricSpec) -> bool {
        self.scheme(spec).is_ok()
    }

    fn scheme(self, spec: AsymmetricSpec) -> Result<EncryptionScheme, Failed> {
        match (self, spec.family()) {
            (Self::RsaesOaepSha256, Family::Rsa(size)) => Ok(EncryptionScheme::Rsa(size, rsa::OAEP_SHA256)),
            (Self::RsaesOaepSha1, Family::Rsa(size)) => Ok(EncryptionScheme::Rsa(size, rsa::OAEP_SHA1)),
            (Self::RsaesPkcs1V15, Family::Rsa(size)) => Ok(EncryptionScheme::Rsa(size, rsa::Padding::Pkcs1)),
            (Self::Sm2Pke, Family::Sm2) => Ok(EncryptionScheme::Sm2),
            _ => Err(Failed),
        }
    }
}

/// The maximum plaintext length in bytes; 0 if the key does not support the algorithm.
pub(crate) fn max_plaintext(spec: AsymmetricSpec, algorithm: EncryptionAlgorithm) -> usize {
    match algorithm.scheme(spec) {
        Ok(EncryptionScheme::Rsa(size, padding)) => rsa::max_plaintext(size, padding),
        Ok(EncryptionScheme::Sm2) => sm2::MAX_PLAINTEXT,
        Err(Failed) => 0,
    }
}

/// Encrypts a plaintext of up to [`max_plaintext`] bytes.
pub(crate) fn encrypt(
    spec: AsymmetricSpec,
    algorithm: EncryptionAlgorithm,
    public: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, Failed> {
    match algorithm.scheme(spec)? {
        EncryptionScheme::Rsa(size, padding) => rsa::encrypt(size, padding, public, plaintext),
        EncryptionScheme::Sm2 => sm2::encrypt(public, plaintext),
    }
}

/// Decrypts what was encrypted for the public key of `private`.
pub(crate) fn decrypt(
    spec: AsymmetricSpec,
    algorithm: EncryptionAlgorithm,
    private: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Failed> {
    match algorithm.scheme(spec)? {
        EncryptionScheme::Rsa(size, padding) => rsa::decrypt(size, padding, private, ciphertext),
        EncryptionScheme::Sm2 => sm2::decrypt(private, ciphertext),
    }
}

/// Whether `public`, which a caller supplied, is a valid encryption key of this spec: the algorithm and size of the spec,
/// valid numbers, in the only encoding that a SubjectPublicKeyInfo has.
pub(crate) fn check_public(spec: AsymmetricSpec, public: &[u8]) -> bool {
    match spec.family() {
        Family::Rsa(size) => rsa::check_public(size, public),
        Family::Ec(_) => false,
        Family::Sm2 => sm2::check_public(public),
    }
}

/// The implementation for a spec.
enum Family {
    Rsa(KeySize),
    Ec(&'static ec::Curve),
    Sm2,
}

/// A [`SignatureAlgorithm`] together with a spec that supports it.
enum SignatureScheme {
    Rsa(KeySize, &'static rsa::SignatureScheme),
    Ecdsa(&'static ec::Curve),
    Sm2,
}

/// An [`EncryptionAlgorithm`] together with a spec that supports it.
enum EncryptionScheme {
    Rsa(KeySize, rsa::Padding),
    Sm2,
}

impl AsymmetricSpec {
    fn family(self) -> Family {
        match self {
            Self::Rsa2048 => Family::Rsa(KeySize::Rsa2048),
            Self::Rsa3072 => Family::Rsa(KeySize::Rsa3072),
            Self::EcP256 => Family::Ec(&ec::P256),
            Self::EcP256K => Family::Ec(&ec::P256K),
            Self::EcSm2 => Family::Sm2,
        }
    }
}

impl From<Unspecified> for Failed {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl From<KeyRejected> for Failed {
    fn from(_: KeyRejected) -> Self {
        Self
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cryptographic operation failed")
    }
}

impl std::error::Error for Failed {}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: [AsymmetricSpec; 5] = [
        AsymmetricSpec::Rsa2048,
        AsymmetricSpec::Rsa3072,
        AsymmetricSpec::EcP256,
        AsymmetricSpec::EcP256K,
        AsymmetricSpec::EcSm2,
    ];

    /// By algorithm, for each of the specs.
    const SIGNATURES: [(&str, [bool; 5]); 4] = [
        ("RSA_PSS_SHA_256", [true, true, false, false, false]),
        ("RSA_PKCS1_SHA_256", [true, true, false, false, false]),
        ("ECDSA_SHA_256", [false, false, true, true, false]),
        ("SM2DSA", [false, false, false, false, true]),
    ];

    /// The maximum plaintext length by algorithm, for each of the specs; 0 if unsupported.
    const ENCRYPTIONS: [(&str, [usize; 5]); 4] = [
        ("RSAES_OAEP_SHA_256", [190, 318, 0, 0, 0]),
        ("RSAES_OAEP_SHA_1", [214, 342, 0, 0, 0]),
        ("RSAES_PKCS1_V1_5", [245, 373, 0, 0, 0]),
        ("SM2PKE", [0, 0, 0, 0, 6047]),
    ];

    #[test]
    fn a_key_signs_with_what_fits_its_spec() {
        let digest = [7; 32];
        for (spec, column) in SPECS.into_iter().zip(0..) {
            let key = generate(spec).unwrap();
            for (name, fits) in SIGNATURES.map(|(name, fits)| (name, fits[column])) {
                let algorithm = SignatureAlgorithm::from_name(name).unwrap();
                assert_eq!(algorithm.name(), name);
                assert_eq!(algorithm.fits(spec), fits, "{name} {spec:?}");
                let signature = sign(spec, algorithm, &key.private, &digest);
                assert_eq!(signature.is_ok(), fits, "{name} {spec:?}");
                let signature = signature.unwrap_or_default();
                assert_eq!(
                    verify(spec, algorithm, &key.public, &digest, &signature),
                    fits,
                    "{name} {spec:?}"
                );
            }
        }
    }

    #[test]
    fn a_key_encrypts_with_what_fits_its_spec() {
        for (spec, column) in SPECS.into_iter().zip(0..) {
            let key = generate(spec).unwrap();
            for (name, limit) in ENCRYPTIONS.map(|(name, limits)| (name, limits[column])) {
                let algorithm = EncryptionAlgorithm::from_name(name).unwrap();
                assert_eq!(algorithm.name(), name);
                assert_eq!(algorithm.fits(spec), limit > 0, "{name} {spec:?}");
                assert_eq!(max_plaintext(spec, algorithm), limit, "{name} {spec:?}");
                let ciphertext = encrypt(spec, algorithm, &key.public, b"text");
                assert_eq!(ciphertext.is_ok(), limit > 0, "{name} {spec:?}");
                let plaintext = decrypt(spec, algorithm, &key.private, &ciphertext.unwrap_or_default());
                assert_eq!(
                    plaintext.is_ok_and(|plaintext| *plaintext == b"text"),
                    limit > 0,
                    "{name} {spec:?}"
                );
            }
        }
    }

    #[test]
    fn other_names_name_nothing() {
        for name in ["", "rsa_pss_sha_256", "RSA_PSS_SHA_256 ", "SM2PKE"] {
            assert_eq!(SignatureAlgorithm::from_name(name), None);
        }
        for name in ["", "sm2pke", "SM2DSA"] {
            assert_eq!(EncryptionAlgorithm::from_name(name), None);
        }
    }
}
