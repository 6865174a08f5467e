//! SM2 (GB/T 32918): signatures and encryption on the recommended curve, implemented by RustCrypto.
//!
//! The signed digest is e = SM3(Z_A ‖ M), where Z_A (part 2) covers the signer's name; callers pass e in. A signature is the
//! SEQUENCE of r and s in DER (GB/T 35276). Ciphertexts are written as C1 ‖ C3 ‖ C2 (part 4), with C1 uncompressed. They are
//! read in this form or as the SM2Cipher of GB/T 35276, which openssl writes.
//!
//! Caveat: RustCrypto wipes secret keys, but not the scalars and points that it computes with.

use std::convert::Infallible;

use ::sm2::dsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use ::sm2::dsa::{Signature, SigningKey, VerifyingKey};
use ::sm2::elliptic_curve::Generate;
use ::sm2::elliptic_curve::rand_core::utils::next_word_via_fill;
use ::sm2::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
use ::sm2::pkcs8::der::Decode;
use ::sm2::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ::sm2::pke::{Cipher, DecryptingKey, EncryptingKey, Mode};
use ::sm2::{PublicKey, SecretKey};
use bulla_keys::{Random, SystemRandom, stack};
use zeroize::Zeroizing;

use super::{Failed, KeyPair};

pub(super) fn generate() -> Result<KeyPair, Failed> {
    stack::run_and_wipe(|| {
        let Ok(key) = SecretKey::try_generate_from_rng(&mut system());
        let private = key.to_pkcs8_der().map_err(failed)?;
        let public = key.public_key().to_public_key_der().map_err(failed)?;
        Ok(KeyPair { private: Zeroizing::new(private.as_bytes().to_vec()), public: public.into_vec() })
    })
}

pub(super) fn sign(private: &[u8], digest: &[u8; 32]) -> Result<Vec<u8>, Failed> {
    stack::run_and_wipe(|| {
        let key = SigningKey::new(NAME, &secret_key(private)?).map_err(failed)?;
        let signature: Signature = key.sign_prehash_with_rng(&mut system(), digest).map_err(failed)?;
        Ok(signature.to_der().to_vec())
    })
}

pub(super) fn verify(public: &[u8], digest: &[u8; 32], signature: &[u8]) -> Result<(), Failed> {
    let key = VerifyingKey::new(NAME, public_key(public)?).map_err(failed)?;
    let signature = Signature::from_der(signature).map_err(failed)?;
    key.verify_prehash(digest, &signature).map_err(failed)
}

pub(super) fn encrypt(public: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Failed> {
    encrypt_with(&mut system(), public, plaintext)
}

/// Refuses an empty plaintext: the standard requires a mask that is not zero, which an empty mask cannot fulfil.
fn encrypt_with(random: &mut impl TryCryptoRng, public: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Failed> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(Failed);
    }
    let key = EncryptingKey::new_with_mode(public_key(public)?, Mode::C1C3C2);
    stack::run_and_wipe(|| key.encrypt(random, plaintext).map_err(failed))
}

pub(super) fn decrypt(private: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let cipher = parse(ciphertext)?;
    let mut plaintext = Zeroizing::new(vec![0; cipher.c2().len()]);
    stack::run_and_wipe(|| {
        let key = DecryptingKey::new(secret_key(private)?);
        key.decrypt_cipher_with_buf(&cipher, &mut plaintext).map_err(failed)
    })?;
    Ok(plaintext)
}

/// Whether a key from a caller is an uncompressed point of the curve.
pub(super) fn check_public(public: &[u8]) -> bool {
    let encoded = public_key(public).and_then(|key| key.to_public_key_der().map_err(failed));
    encoded.is_ok_and(|encoded| encoded.as_bytes() == public)
}

/// Parses a ciphertext, and checks that C1 is a point of the curve other than infinity.
fn parse(ciphertext: &[u8]) -> Result<Cipher<'_>, Failed> {
    let cipher = match ciphertext.first() {
        Some(&UNCOMPRESSED) => Cipher::from_slice(ciphertext, Mode::C1C3C2).map_err(failed)?,
        _ => Cipher::from_der(ciphertext).map_err(failed)?,
    };
    if cipher.c2().is_empty() { Err(Failed) } else { Ok(cipher) }
}

fn secret_key(private: &[u8]) -> Result<SecretKey, Failed> {
    SecretKey::from_pkcs8_der(private).map_err(failed)
}

fn public_key(public: &[u8]) -> Result<PublicKey, Failed> {
    PublicKey::from_public_key_der(public).map_err(failed)
}

fn failed<E>(_: E) -> Failed {
    Failed
}

/// A source of random bytes, with the trait that RustCrypto requires.
struct Generator<F>(F);

impl<F: FnMut(&mut [u8])> TryRng for Generator<F> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        (self.0)(bytes);
        Ok(())
    }
}

impl<F: FnMut(&mut [u8])> TryCryptoRng for Generator<F> {}

/// The system's random generator.
fn system() -> Generator<impl FnMut(&mut [u8])> {
    Generator(|bytes: &mut [u8]| SystemRandom.fill(bytes))
}

/// The name of the signer is part of the digest, which callers pass in.
const NAME: &str = "";
/// The tag of an uncompressed point.
const UNCOMPRESSED: u8 = 0x04;
/// The ciphertext is 97 bytes longer, and the API limits it to 6144.
pub(super) const MAX_PLAINTEXT: usize = 6047;

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use ::sm2::elliptic_curve::ff::PrimeField;
    use sm3::{Digest, Sm3};

    use super::super::testing::{OpenSsl, stack_after, unhex};
    use super::super::{AsymmetricSpec, EncryptionAlgorithm, SignatureAlgorithm};
    use super::super::{check_public, decrypt, encrypt, generate, max_plaintext, sign, verify};
    use super::*;

    const SM2: AsymmetricSpec = AsymmetricSpec::EcSm2;
    const SM2DSA: SignatureAlgorithm = SignatureAlgorithm::Sm2Dsa;
    const SM2PKE: EncryptionAlgorithm = EncryptionAlgorithm::Sm2Pke;
    /// The default name of signers.
    const SIGNER: &str = "1234567812345678";

    static KEY: LazyLock<KeyPair> = LazyLock::new(|| generate(SM2).unwrap());
    static OTHER_KEY: LazyLock<KeyPair> = LazyLock::new(|| generate(SM2).unwrap());

    /// The key of the examples in GB/T 32918.5, annexes A and C. Parts 2 and 4 use other curves.
    static EXAMPLE: LazyLock<KeyPair> = LazyLock::new(|| {
        let private = unhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
        let key = SecretKey::from_slice(&private).unwrap();
        let public = key.public_key().to_public_key_der().unwrap().into_vec();
        KeyPair { private: Zeroizing::new(key.to_pkcs8_der().unwrap().as_bytes().to_vec()), public }
    });

    #[test]
    fn the_signature_of_the_standard() {
        let point = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
                     ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
        assert!(EXAMPLE.public.ends_with(&unhex(point)));
        let z = unhex("b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3");
        assert_eq!(signer(&EXAMPLE.public)[..], z);
        let digest = digest(&EXAMPLE.public, b"message digest");
        assert_eq!(digest[..], unhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"));

        let [r, s] = [
            unhex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"),
            unhex("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"),
        ];
        assert!(verify(SM2, SM2DSA, &EXAMPLE.public, &digest, &sequence(&[&integer(&r), &integer(&s)])));
        assert!(!verify(SM2, SM2DSA, &EXAMPLE.public, &digest, &sequence(&[&integer(&s), &integer(&r)])));
        let signature = sign(SM2, SM2DSA, &EXAMPLE.private, &digest).unwrap();
        assert!(verify(SM2, SM2DSA, &EXAMPLE.public, &digest, &signature));
    }

    #[test]
    fn the_ciphertext_of_the_standard() {
        let plaintext = b"encryption standard";
        let k = unhex("59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21");
        let ciphertext = unhex(
            "0404ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73\
             e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0\
             59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766\
             21886ca989ca9c7d58087307ca93092d651efa",
        );
        let mut random = Generator(|bytes: &mut [u8]| bytes.copy_from_slice(&k));
        assert_eq!(encrypt_with(&mut random, &EXAMPLE.public, plaintext).unwrap(), ciphertext);
        assert_eq!(*decrypt(SM2, SM2PKE, &EXAMPLE.private, &ciphertext).unwrap(), plaintext);
        assert_eq!(*decrypt(SM2, SM2PKE, &EXAMPLE.private, &der(&ciphertext)).unwrap(), plaintext);
    }

    #[test]
    fn openssl_verifies_and_makes_the_same_signatures() {
        let options = format!("-rawin -digest sm3 -pkeyopt distid:{SIGNER} -keyform DER -in message");
        let digest = digest(&KEY.public, b"message");
        let openssl =
            OpenSsl::with(&[("private", &KEY.private), ("public", &KEY.public), ("message", b"message")]);
        openssl.write("signature", &sign(SM2, SM2DSA, &KEY.private, &digest).unwrap());
        openssl.run(&format!("pkeyutl -verify -pubin -inkey public -sigfile signature {options}"));
        let signature = openssl.run(&format!("pkeyutl -sign -inkey private {options}"));
        assert!(verify(SM2, SM2DSA, &KEY.public, &digest, &signature));
    }

    #[test]
    fn openssl_decrypts_and_makes_the_same_ciphertexts() {
        let openssl = OpenSsl::with(&[("private", &KEY.private), ("public", &KEY.public)]);
        for plaintext in [&b"t"[..], b"text", &[7; MAX_PLAINTEXT]] {
            openssl.write("ciphertext", &der(&encrypt(SM2, SM2PKE, &KEY.public, plaintext).unwrap()));
            let decrypted = openssl.run("pkeyutl -decrypt -inkey private -keyform DER -in ciphertext");
            assert_eq!(decrypted, plaintext);

            openssl.write("plaintext", plaintext);
            let ciphertext = openssl.run("pkeyutl -encrypt -pubin -inkey public -keyform DER -in plaintext");
            assert_eq!(*decrypt(SM2, SM2PKE, &KEY.private, &ciphertext).unwrap(), plaintext);
        }
    }

    #[test]
    fn openssl_reads_our_keys_and_we_read_its_keys() {
        let openssl = OpenSsl::with(&[("public", &KEY.public), ("private", &KEY.private)]);
        let shown = openssl.run("pkey -pubin -inform DER -in public -noout -text");
        assert!(String::from_utf8(shown).unwrap().contains("ASN1 OID: SM2"));
        assert_eq!(openssl.run("pkey -pubin -inform DER -in public -pubout -outform DER"), KEY.public);
        assert_eq!(openssl.run("pkey -inform DER -in private -pubout -outform DER"), KEY.public);

        let sec1 = openssl.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -outform DER");
        openssl.write("private", &sec1);
        let private = openssl.run("pkcs8 -topk8 -nocrypt -in private -inform DER -outform DER");
        let public = openssl.run("pkey -in private -pubout -outform DER");
        assert!(check_public(SM2, &public));
        let signature = sign(SM2, SM2DSA, &private, &[7; 32]).unwrap();
        assert!(verify(SM2, SM2DSA, &public, &[7; 32], &signature));
        let ciphertext = encrypt(SM2, SM2PKE, &public, b"text").unwrap();
        assert_eq!(*decrypt(SM2, SM2PKE, &private, &ciphertext).unwrap(), b"text");
    }

    #[test]
    fn a_signature_is_of_one_digest_by_one_key() {
        let signature = sign(SM2, SM2DSA, &KEY.private, &[7; 32]).unwrap();
        assert!(verify(SM2, SM2DSA, &KEY.public, &[7; 32], &signature));
        assert!(!verify(SM2, SM2DSA, &KEY.public, &[8; 32], &signature));
        assert!(!verify(SM2, SM2DSA, &OTHER_KEY.public, &[7; 32], &signature));
        for index in 0..signature.len() {
            let mut broken = signature.clone();
            broken[index] ^= 1;
            assert!(!verify(SM2, SM2DSA, &KEY.public, &[7; 32], &broken), "byte {index}");
            assert!(!verify(SM2, SM2DSA, &KEY.public, &[7; 32], &signature[..index]), "cut to {index}");
        }
        assert_ne!(sign(SM2, SM2DSA, &KEY.private, &[7; 32]).unwrap(), signature, "k is random");
    }

    /// The same numbers in other encodings, and numbers out of range.
    #[test]
    fn a_signature_has_one_encoding() {
        let n = unhex("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123");
        let signature = Signature::from_der(&sign(SM2, SM2DSA, &KEY.private, &[7; 32]).unwrap()).unwrap();
        let [r, s] = [signature.r_bytes().to_vec(), signature.s_bytes().to_vec()];
        let verifies = |signature: &[u8]| verify(SM2, SM2DSA, &KEY.public, &[7; 32], signature);
        let [good_r, good_s] = [integer(&r), integer(&s)];
        assert!(verifies(&sequence(&[&good_r, &good_s])));

        let padded = [&[0x02, good_s[1] + 1, 0][..], &good_s[2..]].concat();
        let long_form = [&[0x30, 0x81][..], &sequence(&[&good_r, &good_s])[1..]].concat();
        let indefinite = [&[0x30, 0x80][..], &good_r, &good_s, &[0, 0]].concat();
        let null = [0x05, 0x00];
        for (what, broken) in [
            ("r and s without DER", [&r[..], &s].concat()),
            ("a zero in front of s", sequence(&[&good_r, &padded])),
            ("a length in long form", long_form),
            ("an indefinite length", indefinite),
            ("a byte behind", [&sequence(&[&good_r, &good_s])[..], &[0]].concat()),
            ("a third element", sequence(&[&good_r, &good_s, &null])),
            ("s missing", sequence(&[&good_r])),
            ("r = 0", sequence(&[&integer(&[0]), &good_s])),
            ("s = 0", sequence(&[&good_r, &integer(&[0])])),
            ("r = n", sequence(&[&integer(&n), &good_s])),
            ("s = n", sequence(&[&good_r, &integer(&n)])),
            ("r = -1", sequence(&[&[0x02, 0x01, 0xff], &good_s])),
            ("s + 2^256", sequence(&[&good_r, &[&[0x02, 33, 1][..], &s].concat()])),
            ("nothing", Vec::new()),
        ] {
            assert!(!verifies(&broken), "{what}");
        }
    }

    #[test]
    fn plaintexts_have_the_documented_limits() {
        assert_eq!(max_plaintext(SM2, SM2PKE), 6047);
        for length in [1, 31, 32, 33, 6047] {
            let plaintext = vec![7; length];
            let ciphertext = encrypt(SM2, SM2PKE, &KEY.public, &plaintext).unwrap();
            assert_eq!(ciphertext.len(), length + 97);
            assert_eq!(*decrypt(SM2, SM2PKE, &KEY.private, &ciphertext).unwrap(), plaintext);
        }
        for length in [0, 6048] {
            assert_eq!(encrypt(SM2, SM2PKE, &KEY.public, &vec![7; length]), Err(Failed));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        for ciphertext in [0, 1].map(|form| {
            let plain = encrypt(SM2, SM2PKE, &KEY.public, b"text").unwrap();
            if form == 0 { plain } else { der(&plain) }
        }) {
            for index in 0..ciphertext.len() {
                let mut broken = ciphertext.clone();
                broken[index] ^= 1 << (index % 8);
                assert_eq!(decrypt(SM2, SM2PKE, &KEY.private, &broken), Err(Failed), "byte {index}");
                assert_eq!(
                    decrypt(SM2, SM2PKE, &KEY.private, &ciphertext[..index]),
                    Err(Failed),
                    "cut to {index}"
                );
            }
            let longer = [&ciphertext[..], &[0]].concat();
            assert_eq!(decrypt(SM2, SM2PKE, &KEY.private, &longer), Err(Failed));
            assert_eq!(decrypt(SM2, SM2PKE, &OTHER_KEY.private, &ciphertext), Err(Failed));
        }
    }

    /// C1 at infinity or compressed, C2 ‖ C3 in the old order, and an empty C2 with a matching C3.
    #[test]
    fn other_forms_of_ciphertexts_are_refused() {
        let ciphertext = encrypt(SM2, SM2PKE, &KEY.public, b"text").unwrap();
        let (c1, rest) = ciphertext.split_at(65);
        let (c3, c2) = rest.split_at(32);
        let compressed = [&[2 + c1[64] % 2], &c1[1..33]].concat();
        let secret = SecretKey::from_pkcs8_der(&KEY.private).unwrap().to_nonzero_scalar();
        let c1_point = PublicKey::from_sec1_bytes(c1).unwrap();
        let shared = (c1_point.to_projective() * *secret).to_affine();
        let shared = PublicKey::from_affine(shared).unwrap().to_sec1_bytes();
        let empty = Sm3::digest(&shared[1..]);
        for (what, broken) in [
            ("at infinity", [&[0][..], c3, c2].concat()),
            ("compressed", [&compressed[..], c3, c2].concat()),
            ("old order", [c1, c2, c3].concat()),
            ("empty", [c1, &empty].concat()),
            (
                "empty in DER",
                sequence(&[&integer(&c1[1..33]), &integer(&c1[33..]), &octets(&empty), &octets(b"")]),
            ),
        ] {
            assert_eq!(decrypt(SM2, SM2PKE, &KEY.private, &broken), Err(Failed), "{what}");
        }
    }

    /// One in 256 masks of one byte is zero and would reveal the plaintext: with this key, that of k = 470.
    #[test]
    fn a_mask_of_zeros_is_drawn_again() {
        let mut k = 469;
        encrypt_with(&mut counting(&mut k), &EXAMPLE.public, b"t").unwrap();
        assert_eq!(k, 471);
    }

    /// In DER they lose their leading zeros: x with k = 327, y with k = 107.
    #[test]
    fn short_coordinates_decrypt() {
        for (mut k, coordinate) in [(326, 1), (106, 33)] {
            let ciphertext = encrypt_with(&mut counting(&mut k), &KEY.public, b"text").unwrap();
            assert_eq!(ciphertext[coordinate], 0);
            let openssl = OpenSsl::with(&[("private", &KEY.private), ("ciphertext", &der(&ciphertext))]);
            assert_eq!(openssl.run("pkeyutl -decrypt -inkey private -keyform DER -in ciphertext"), b"text");
            assert_eq!(*decrypt(SM2, SM2PKE, &KEY.private, &ciphertext).unwrap(), b"text");
            assert_eq!(*decrypt(SM2, SM2PKE, &KEY.private, &der(&ciphertext)).unwrap(), b"text");
        }
    }

    #[test]
    fn what_callers_bring_is_a_point_of_the_curve() {
        let openssl = OpenSsl::with(&[("public", &KEY.public)]);
        let mut off_curve = KEY.public.clone();
        off_curve[90] ^= 1;
        let mut at_infinity = KEY.public[..27].to_vec();
        (at_infinity[1], at_infinity[24]) = (25, 2);
        at_infinity[26] = 0;
        let compressed = "ec -pubin -inform DER -in public -outform DER -conv_form compressed";
        let other_curve = generate(AsymmetricSpec::EcP256).unwrap().public;
        assert!(check_public(SM2, &KEY.public));
        for (what, public) in [
            ("off the curve", off_curve),
            ("at infinity", at_infinity),
            ("compressed", openssl.run(compressed)),
            ("on another curve", other_curve),
            ("a byte behind the key", [&KEY.public[..], &[0]].concat()),
            ("a cut key", KEY.public[..90].to_vec()),
            ("a bare point", KEY.public[26..].to_vec()),
            ("nothing", Vec::new()),
        ] {
            assert!(!check_public(SM2, &public), "{what}");
        }
    }

    /// The crate copies scalars without wiping them, in their normal representation and in Montgomery's.
    #[test]
    fn nothing_of_a_key_stays_on_the_stack() {
        let key = SecretKey::from_pkcs8_der(&EXAMPLE.private).unwrap();
        let ciphertext = encrypt(SM2, SM2PKE, &EXAMPLE.public, b"text").unwrap();
        let scalar = *key.to_nonzero_scalar();
        let montgomery = (0..256).fold(scalar, |scalar, _| scalar.double());
        let traces: Vec<_> = [scalar, montgomery].map(|scalar| scalar.to_repr().to_vec()).to_vec();
        let is_left = |work: &(dyn Fn() + Sync)| {
            let stack = stack_after(work);
            traces.iter().any(|trace| {
                let reversed: Vec<_> = trace.iter().rev().copied().collect();
                stack.windows(32).any(|window| window == trace || window == reversed)
            })
        };

        let bare_decrypt = || drop(DecryptingKey::new(key.clone()).decrypt(&ciphertext).unwrap());
        assert!(is_left(&bare_decrypt), "nothing is found even without wiping");
        assert!(!is_left(&|| drop(decrypt(SM2, SM2PKE, &EXAMPLE.private, &ciphertext).unwrap())));
        assert!(!is_left(&|| drop(sign(SM2, SM2DSA, &EXAMPLE.private, &[7; 32]).unwrap())));
    }

    /// SM3(Z_A ‖ M).
    fn digest(public: &[u8], message: &[u8]) -> [u8; 32] {
        Sm3::new_with_prefix(signer(public)).chain_update(message).finalize().into()
    }

    /// Z_A: the signer's name with its length in bits, the curve, and the public key.
    fn signer(public: &[u8]) -> [u8; 32] {
        let curve = "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc\
                     28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93\
                     32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7\
                     bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";
        let point = &public[public.len() - 64..];
        let length = (SIGNER.len() as u16 * 8).to_be_bytes();
        Sm3::digest([&length[..], SIGNER.as_bytes(), &unhex(curve), point].concat()).into()
    }

    /// Returns the SM2Cipher form of a ciphertext.
    fn der(ciphertext: &[u8]) -> Vec<u8> {
        let (c1, rest) = ciphertext.split_at(65);
        let (c3, c2) = rest.split_at(32);
        sequence(&[&integer(&c1[1..33]), &integer(&c1[33..]), &octets(c3), &octets(c2)])
    }

    fn sequence(elements: &[&[u8]]) -> Vec<u8> {
        tagged(0x30, &elements.concat())
    }

    /// Encodes a non-negative integer without leading zeros.
    fn integer(bytes: &[u8]) -> Vec<u8> {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
        let bytes = &bytes[zeros..];
        let sign: &[u8] = if bytes[0] < 0x80 { &[] } else { &[0] };
        tagged(0x02, &[sign, bytes].concat())
    }

    fn octets(bytes: &[u8]) -> Vec<u8> {
        tagged(0x04, bytes)
    }

    fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16).to_be_bytes();
        let header = match content.len() {
            0..0x80 => vec![tag, length[1]],
            0x80..0x100 => vec![tag, 0x81, length[1]],
            _ => vec![tag, 0x82, length[0], length[1]],
        };
        [&header, content].concat()
    }

    /// Returns the numbers after `k` instead of random ones.
    fn counting(k: &mut u64) -> Generator<impl FnMut(&mut [u8])> {
        Generator(|bytes: &mut [u8]| {
            *k += 1;
            bytes.fill(0);
            bytes[24..].copy_from_slice(&k.to_be_bytes());
        })
    }
}
