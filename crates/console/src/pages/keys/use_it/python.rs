//! Example for Python: alibabacloud_kms20160120.

use super::Use;
use crate::pages::keys::Purpose;

impl Use<'_> {
    pub(super) fn python(&self) -> String {
        let imports = match self.purpose {
            Purpose::DataKeys => "",
            Purpose::Signatures if self.signer.is_some() => {
                "import hashlib\nfrom base64 import b64decode, b64encode\n"
            }
            Purpose::Signatures => "import hashlib\nfrom base64 import b64encode\n",
            Purpose::Encryption | Purpose::Macs => "from base64 import b64encode\n",
        };
        let trust = if self.server.tls {
            "    ca=os.environ[\"ALIBABA_CLOUD_CA_BUNDLE\"],\n"
        } else {
            "    protocol=\"http\",\n"
        };
        format!(
            r#"# pip install alibabacloud_kms20160120
import os
{imports}from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.utils_models import Config

client = Client(Config(
    access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    endpoint="{}",
{trust}))
{}"#,
            self.server.host,
            self.python_calls(),
        )
    }

    fn python_calls(&self) -> String {
        let Self { key, version, algorithm, .. } = self;
        let pair = format!(
            "pair = {{\"key_id\": \"{key}\", \"key_version_id\": \"{version}\", \"algorithm\": \"{algorithm}\"}}\n"
        );
        match self.purpose {
            Purpose::DataKeys => format!(
                r#"data_key = client.generate_data_key(models.GenerateDataKeyRequest(key_id="{key}")).body
plain = client.decrypt(models.DecryptRequest(ciphertext_blob=data_key.ciphertext_blob)).body
assert plain.plaintext == data_key.plaintext
"#
            ),
            Purpose::Encryption => format!(
                r#"{pair}plaintext = b64encode(b"message").decode()
encrypted = client.asymmetric_encrypt(models.AsymmetricEncryptRequest(**pair, plaintext=plaintext)).body
decrypted = client.asymmetric_decrypt(models.AsymmetricDecryptRequest(**pair, ciphertext_blob=encrypted.ciphertext_blob)).body
assert decrypted.plaintext == plaintext
"#
            ),
            Purpose::Signatures => format!(
                r#"{pair}{}
signed = client.asymmetric_sign(models.AsymmetricSignRequest(**pair, digest=digest)).body
verified = client.asymmetric_verify(models.AsymmetricVerifyRequest(**pair, digest=digest, value=signed.value)).body
assert verified.value
"#,
                self.python_digest(),
            ),
            Purpose::Macs => format!(
                r#"key = {{"key_id": "{key}", "algorithm": "{algorithm}"}}
message = b64encode(b"message").decode()
made = client.generate_mac(models.GenerateMacRequest(**key, message=message)).body
verified = client.verify_mac(models.VerifyMacRequest(**key, message=message, mac=made.mac)).body
assert verified.value
"#
            ),
        }
    }

    fn python_digest(&self) -> String {
        match &self.signer {
            None => r#"digest = b64encode(hashlib.sha256(b"message").digest()).decode()"#.to_owned(),
            Some(signer) => format!(
                r#"signer = b64decode("{signer}")  # of this version of the key
digest = b64encode(hashlib.new("sm3", signer + b"message").digest()).decode()"#
            ),
        }
    }
}
