//! Example for Node.js: @alicloud/kms20160120, and @alicloud/pop-core for the MAC actions, which the former lacks.

use super::Use;
use crate::address::Server;
use crate::pages::keys::Purpose;

impl Use<'_> {
    pub(super) fn node(&self) -> String {
        if self.purpose == Purpose::Macs {
            return self.node_macs();
        }
        let Server { host, region, .. } = self.server;
        let crypto =
            if self.purpose == Purpose::Signatures { "const crypto = require('crypto');\n" } else { "" };
        let protocol = if self.server.tls { "" } else { "  protocol: 'http',\n" };
        format!(
            r"// npm install @alicloud/kms20160120
{crypto}const kms = require('@alicloud/kms20160120');
const {{ Config }} = require('@alicloud/rpc-client');

const client = new kms.default(new Config({{
  endpoint: '{host}',
{protocol}  regionId: '{region}',
  accessKeyId: process.env.ALIBABA_CLOUD_ACCESS_KEY_ID,
  accessKeySecret: process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
}}));
(async () => {{
{}}})();
",
            self.node_calls(),
        )
    }

    fn node_calls(&self) -> String {
        let Self { key, version, algorithm, .. } = self;
        let pair = format!(
            "  const pair = {{ keyId: '{key}', keyVersionId: '{version}', algorithm: '{algorithm}' }};\n"
        );
        match self.purpose {
            Purpose::Encryption => format!(
                r"{pair}  const plaintext = Buffer.from('message').toString('base64');
  const encrypted = await client.asymmetricEncrypt(new kms.AsymmetricEncryptRequest({{ ...pair, plaintext }}));
  const {{ ciphertextBlob }} = encrypted;
  const decrypted = await client.asymmetricDecrypt(new kms.AsymmetricDecryptRequest({{ ...pair, ciphertextBlob }}));
  console.log(decrypted.plaintext === plaintext);
"
            ),
            Purpose::Signatures => format!(
                r"{pair}{}
  const {{ value }} = await client.asymmetricSign(new kms.AsymmetricSignRequest({{ ...pair, digest }}));
  const verified = await client.asymmetricVerify(new kms.AsymmetricVerifyRequest({{ ...pair, digest, value }}));
  console.log(verified.value);
",
                self.node_digest(),
            ),
            _ => format!(
                r"  const dataKey = await client.generateDataKey(new kms.GenerateDataKeyRequest({{ keyId: '{key}' }}));
  const plain = await client.decrypt(new kms.DecryptRequest({{ ciphertextBlob: dataKey.ciphertextBlob }}));
  console.log(plain.plaintext === dataKey.plaintext);
"
            ),
        }
    }

    fn node_digest(&self) -> String {
        match &self.signer {
            None => {
                "  const digest = crypto.createHash('sha256').update('message').digest('base64');".to_owned()
            }
            Some(signer) => format!(
                r"  const signer = Buffer.from('{signer}', 'base64'); // of this version of the key
  const digest = crypto.createHash('sm3').update(signer).update('message').digest('base64');"
            ),
        }
    }

    fn node_macs(&self) -> String {
        let Self { key, algorithm, server: Server { host, .. }, .. } = self;
        let scheme = self.server.scheme();
        format!(
            r"// npm install @alicloud/pop-core
const {{ RPCClient }} = require('@alicloud/pop-core');

const client = new RPCClient({{
  endpoint: '{scheme}://{host}',
  apiVersion: '2016-01-20',
  accessKeyId: process.env.ALIBABA_CLOUD_ACCESS_KEY_ID,
  accessKeySecret: process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
}});
(async () => {{
  const asked = {{
    KeyId: '{key}',
    Algorithm: '{algorithm}',
    Message: Buffer.from('message').toString('base64'),
  }};
  const {{ Mac }} = await client.request('GenerateMac', asked, {{ method: 'POST' }});
  const verified = await client.request('VerifyMac', {{ ...asked, Mac }}, {{ method: 'POST' }});
  console.log(verified.Value);
}})();
"
        )
    }
}
