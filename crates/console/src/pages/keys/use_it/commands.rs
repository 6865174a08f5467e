//! Examples for the command lines: `bulla`, and `aliyun` of the cloud.

use super::Use;
use crate::pages::keys::Purpose;

impl Use<'_> {
    /// Returns the commands of `bulla`.
    pub(super) fn own_commands(&self) -> String {
        let files = match self.purpose {
            Purpose::DataKeys => {
                format!("bulla encrypt --key {} FILE\nbulla decrypt FILE.bulla -o FILE.decrypted\n", self.key)
            }
            _ => String::new(),
        };
        format!("{}\n{files}{}", self.export, self.calls("bulla kms", ""))
    }

    /// Returns the commands for this server.
    pub(super) fn commands(&self) -> String {
        format!(
            "{}\n# or with the command line of the cloud\n{}",
            self.own_commands(),
            self.calls("aliyun kms", &self.server.flags()),
        )
    }

    /// Returns calls of the API with a program, and with `at` at the end of each line.
    fn calls(&self, program: &str, at: &str) -> String {
        let Self { key, version, algorithm, .. } = self;
        let pair = format!("--KeyId {key} --KeyVersionId {version} --Algorithm {algorithm}");
        let mac = format!("--KeyId {key} --Algorithm {algorithm}");
        match self.purpose {
            Purpose::DataKeys => format!("{program} GenerateDataKey --KeyId {key}{at}\n"),
            Purpose::Encryption => format!(
                "ciphertext=$({program} AsymmetricEncrypt {pair} --Plaintext \"$(openssl base64 -A < FILE)\"{at} | jq -r .CiphertextBlob)\n\
                 {program} AsymmetricDecrypt {pair} --CiphertextBlob \"$ciphertext\"{at}\n",
            ),
            Purpose::Signatures => format!(
                "digest=$({})\n\
                 signature=$({program} AsymmetricSign {pair} --Digest \"$digest\"{at} | jq -r .Value)\n\
                 {program} AsymmetricVerify {pair} --Digest \"$digest\" --Value \"$signature\"{at}\n",
                self.digest(),
            ),
            Purpose::Macs => format!(
                "message=$(openssl base64 -A < FILE)\n\
                 mac=$({program} GenerateMac {mac} --Message \"$message\"{at} | jq -r .Mac)\n\
                 {program} VerifyMac {mac} --Message \"$message\" --Mac \"$mac\"{at}\n",
            ),
        }
    }

    /// Returns the command that prints the digest of FILE as Base64.
    pub(super) fn digest(&self) -> String {
        match &self.signer {
            None => "openssl dgst -sha256 -binary FILE | openssl base64 -A".to_owned(),
            Some(signer) => format!(
                "(echo {signer} | openssl base64 -d -A; cat FILE) | openssl dgst -sm3 -binary | openssl base64 -A"
            ),
        }
    }
}
