//! Example for Go: alibaba-cloud-sdk-go, which calls the MAC actions with common requests.

use super::Use;
use crate::address::Server;
use crate::pages::keys::Purpose;

impl Use<'_> {
    pub(super) fn go(&self) -> String {
        let Server { host, region, .. } = self.server;
        format!(
            r#"// go get github.com/aliyun/alibaba-cloud-sdk-go
package main

import (
{}
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
)

func main() {{
	client, err := kms.NewClientWithAccessKey("{region}",
		os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
	must(err)
	client.Domain = "{host}"

{}}}
{}
func must(err error) {{
	if err != nil {{
		panic(err)
	}}
}}
"#,
            self.go_imports(),
            self.go_calls(),
            if self.purpose == Purpose::Macs { self.go_common() } else { String::new() },
        )
    }

    fn go_imports(&self) -> &'static str {
        match self.purpose {
            Purpose::DataKeys => "\t\"fmt\"\n\t\"os\"\n",
            Purpose::Encryption => "\t\"encoding/base64\"\n\t\"fmt\"\n\t\"os\"\n",
            Purpose::Signatures if self.signer.is_some() => "\t\"fmt\"\n\t\"os\"\n",
            Purpose::Signatures => "\t\"crypto/sha256\"\n\t\"encoding/base64\"\n\t\"fmt\"\n\t\"os\"\n",
            Purpose::Macs => {
                "\t\"encoding/base64\"\n\t\"encoding/json\"\n\t\"fmt\"\n\t\"os\"\n\n\
                 \t\"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests\""
            }
        }
    }

    fn go_calls(&self) -> String {
        let key = self.key;
        match self.purpose {
            Purpose::DataKeys => {
                let [generate, decrypt] = ["generate", "decrypt"].map(|request| self.go_scheme(request));
                format!(
                    r#"	generate := kms.CreateGenerateDataKeyRequest()
{generate}	generate.KeyId = "{key}"
	dataKey, err := client.GenerateDataKey(generate)
	must(err)
	decrypt := kms.CreateDecryptRequest()
{decrypt}	decrypt.CiphertextBlob = dataKey.CiphertextBlob
	plain, err := client.Decrypt(decrypt)
	must(err)
	fmt.Println(plain.Plaintext == dataKey.Plaintext)
"#
                )
            }
            Purpose::Encryption => {
                let [encrypt, decrypt] = ["encrypt", "decrypt"].map(|request| self.go_pair(request));
                format!(
                    r#"	encrypt := kms.CreateAsymmetricEncryptRequest()
{encrypt}	encrypt.Plaintext = base64.StdEncoding.EncodeToString([]byte("message"))
	encrypted, err := client.AsymmetricEncrypt(encrypt)
	must(err)
	decrypt := kms.CreateAsymmetricDecryptRequest()
{decrypt}	decrypt.CiphertextBlob = encrypted.CiphertextBlob
	decrypted, err := client.AsymmetricDecrypt(decrypt)
	must(err)
	fmt.Println(decrypted.Plaintext == encrypt.Plaintext)
"#
                )
            }
            Purpose::Signatures => self.go_signatures(),
            Purpose::Macs => self.go_macs(),
        }
    }

    fn go_signatures(&self) -> String {
        let [sign, verify] = ["sign", "verify"].map(|request| self.go_pair(request));
        let digest = match &self.signer {
            None => "\thash := sha256.Sum256([]byte(\"message\"))\n\
                     \tdigest := base64.StdEncoding.EncodeToString(hash[:])\n"
                .to_owned(),
            // The standard library of Go has no SM3.
            Some(_) => format!("\tdigest := os.Args[1] // printed by: {}\n", self.digest()),
        };
        format!(
            r"{digest}	sign := kms.CreateAsymmetricSignRequest()
{sign}	sign.Digest = digest
	signed, err := client.AsymmetricSign(sign)
	must(err)
	verify := kms.CreateAsymmetricVerifyRequest()
{verify}	verify.Digest = digest
	verify.Value = signed.Value
	verified, err := client.AsymmetricVerify(verify)
	must(err)
	fmt.Println(verified.Value)
"
        )
    }

    fn go_macs(&self) -> String {
        let Self { key, algorithm, .. } = self;
        format!(
            r#"	asked := map[string]string{{
		"KeyId":     "{key}",
		"Algorithm": "{algorithm}",
		"Message":   base64.StdEncoding.EncodeToString([]byte("message")),
	}}
	asked["Mac"] = ask(client, "GenerateMac", asked)["Mac"].(string)
	fmt.Println(ask(client, "VerifyMac", asked)["Value"])
"#
        )
    }

    /// Returns the function that sends common requests, for the MAC actions.
    fn go_common(&self) -> String {
        let Server { host, .. } = self.server;
        let scheme = self.server.scheme();
        format!(
            r#"
// The client has no request of its own for these actions.
func ask(client *kms.Client, action string, parameters map[string]string) (reply map[string]any) {{
	request := requests.NewCommonRequest()
	request.Scheme, request.Domain, request.Method = "{scheme}", "{host}", "POST"
	request.Product, request.Version, request.ApiName = "Kms", "2016-01-20", action
	request.QueryParams = parameters
	response, err := client.ProcessCommonRequest(request)
	must(err)
	must(json.Unmarshal(response.GetHttpContentBytes(), &reply))
	return reply
}}
"#
        )
    }

    /// Returns the lines that set the key, version and algorithm of a request.
    fn go_pair(&self, request: &str) -> String {
        let Self { key, version, algorithm, .. } = self;
        format!(
            "{}\t{request}.KeyId = \"{key}\"\n\
             \t{request}.KeyVersionId = \"{version}\"\n\
             \t{request}.Algorithm = \"{algorithm}\"\n",
            self.go_scheme(request),
        )
    }

    fn go_scheme(&self, request: &str) -> String {
        format!("\t{request}.Scheme = \"{}\"\n", self.server.scheme())
    }
}
