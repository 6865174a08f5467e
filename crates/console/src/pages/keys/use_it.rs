//! How programs use a key: lines for the commands and the official SDKs, with the address of this server and no secret.

use bulla_kms::Caller;
use bulla_wire::kms::KeyMetadata;
use http::header::HOST;
use maud::{Markup, html};

use crate::context::Context;
use crate::paths::{path, with_query};
use crate::texts::{self, Text, text};

/// Where the server is, and the key that is used.
struct Use<'a> {
    key: &'a str,
    host: &'a str,
    tls: bool,
    region: &'a str,
}

pub(super) fn show(context: &Context<'_>, key: &KeyMetadata, name: &str, version: Option<&str>) -> Markup {
    let host = context.request.header(&HOST).unwrap_or("localhost");
    let tls = context.request.connection.tls;
    let use_of = Use { key: name, host, tls, region: context.kms.region() };
    let is_embedded = matches!(context.origin.caller(), Caller::Owner);
    let arguments = arguments(key, name, version.unwrap_or("VERSION"));
    let is_symmetric = ["Aliyun_AES_256", "Aliyun_SM4"].contains(&&*key.key_spec);
    html! {
        h2 { (context.say(text("Use this key", "使用此密钥"))) }
        p {
            a href=(with_query(&path("try", &[]), &[("key", &key.key_id)])) { (context.say(texts::TRY_IT)) }
            " " (context.say(text("in this console, or from a program:", "（在控制台中），或在程序中使用：")))
        }
        @if is_embedded {
            (lines(context, text("Command line", "命令行"), &commands(name, is_symmetric, &arguments)))
            p.fine { (context.say(SERVE)) }
        } @else {
            p.fine { (context.say(CREDENTIALS)) }
            (lines(context, text("Command line", "命令行"), &use_of.commands(is_symmetric, &arguments)))
            @if is_symmetric {
                @for (language, code) in [("Python", use_of.python()), ("Java", use_of.java()), ("Go", use_of.go()), ("Node.js", use_of.node())] {
                    (lines(context, text(language, language), &code))
                }
            }
        }
    }
}

fn lines(context: &Context<'_>, title: Text, code: &str) -> Markup {
    html! {
        details {
            summary { (context.say(title)) }
            pre tabindex="0" { code { (code) } }
        }
    }
}

fn commands(key: &str, is_symmetric: bool, arguments: &str) -> String {
    let files = format!("bulla encrypt --key {key} FILE\nbulla decrypt FILE.bulla\n");
    format!("{}bulla kms {arguments}\n", if is_symmetric { &*files } else { "" })
}

/// What a key of this kind is asked for, as `bulla kms` and `aliyun kms` take it.
fn arguments(key: &KeyMetadata, name: &str, version: &str) -> String {
    let text = r#""$(openssl base64 -A < FILE)""#;
    let digest = r#""$(openssl dgst -sha256 -binary FILE | openssl base64 -A)""#;
    let pair = format!("--KeyId {name} --KeyVersionId {version}");
    let signs = key.key_usage == "SIGN/VERIFY";
    match &*key.key_spec {
        "Aliyun_AES_256" | "Aliyun_SM4" => format!("GenerateDataKey --KeyId {name}"),
        "RSA_2048" | "RSA_3072" if signs => {
            format!("AsymmetricSign {pair} --Algorithm RSA_PSS_SHA_256 --Digest {digest}")
        }
        "RSA_2048" | "RSA_3072" => {
            format!("AsymmetricEncrypt {pair} --Algorithm RSAES_OAEP_SHA_256 --Plaintext {text}")
        }
        "EC_P256" | "EC_P256K" => {
            format!("AsymmetricSign {pair} --Algorithm ECDSA_SHA_256 --Digest {digest}")
        }
        "EC_SM2" if !signs => format!("AsymmetricEncrypt {pair} --Algorithm SM2PKE --Plaintext {text}"),
        "EC_SM2" => format!("GetPublicKey {pair}"),
        spec => {
            let algorithm = spec.replace("HMAC_SHA", "HMAC_SHA_");
            format!("GenerateMac --KeyId {name} --Algorithm {algorithm} --Message {text}")
        }
    }
}

impl Use<'_> {
    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    fn commands(&self, is_symmetric: bool, arguments: &str) -> String {
        let Self { key, host, region, .. } = self;
        let scheme = self.scheme();
        let insecure = if self.tls { "" } else { " --insecure" };
        format!(
            "export BULLA_KMS={scheme}://{host}\n{}\n\
             aliyun kms {arguments} --endpoint {host} --region {region}{insecure}\n",
            commands(key, is_symmetric, arguments),
        )
    }

    fn python(&self) -> String {
        let Self { key, host, .. } = self;
        let how = if self.tls {
            "    ca=os.environ[\"ALIBABA_CLOUD_CA_BUNDLE\"],\n"
        } else {
            "    protocol=\"http\",\n"
        };
        format!(
            r#"# pip install alibabacloud_kms20160120
import os
from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.utils_models import Config

client = Client(Config(
    access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    endpoint="{host}",
{how}))
data_key = client.generate_data_key(models.GenerateDataKeyRequest(key_id="{key}")).body
plain = client.decrypt(models.DecryptRequest(ciphertext_blob=data_key.ciphertext_blob)).body
assert plain.plaintext == data_key.plaintext
"#
        )
    }

    fn java(&self) -> String {
        let Self { key, host, region, .. } = self;
        let [import, generate, decrypt] = if self.tls {
            ["", "", ""]
        } else {
            [
                "import com.aliyuncs.http.ProtocolType;\n",
                "        generate.setSysProtocol(ProtocolType.HTTP);\n",
                "        decrypt.setSysProtocol(ProtocolType.HTTP);\n",
            ]
        };
        format!(
            r#"// com.aliyun:aliyun-java-sdk-kms, com.aliyun:aliyun-java-sdk-core
import com.aliyuncs.DefaultAcsClient;
{import}import com.aliyuncs.kms.model.v20160120.DecryptRequest;
import com.aliyuncs.kms.model.v20160120.GenerateDataKeyRequest;
import com.aliyuncs.kms.model.v20160120.GenerateDataKeyResponse;
import com.aliyuncs.profile.DefaultProfile;

public class Example {{
    public static void main(String[] arguments) throws Exception {{
        DefaultProfile.addEndpoint("{region}", "Kms", "{host}");
        DefaultAcsClient client = new DefaultAcsClient(DefaultProfile.getProfile("{region}",
                System.getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), System.getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")));

        GenerateDataKeyRequest generate = new GenerateDataKeyRequest();
        generate.setKeyId("{key}");
{generate}        GenerateDataKeyResponse dataKey = client.getAcsResponse(generate);
        DecryptRequest decrypt = new DecryptRequest();
        decrypt.setCiphertextBlob(dataKey.getCiphertextBlob());
{decrypt}        String plaintext = client.getAcsResponse(decrypt).getPlaintext();
        System.out.println(plaintext.equals(dataKey.getPlaintext()));
    }}
}}
"#
        )
    }

    fn go(&self) -> String {
        let Self { key, host, region, .. } = self;
        let scheme = self.scheme();
        format!(
            r#"// go get github.com/aliyun/alibaba-cloud-sdk-go
package main

import (
	"fmt"
	"os"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
)

func main() {{
	client, err := kms.NewClientWithAccessKey("{region}",
		os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
	if err != nil {{
		panic(err)
	}}
	client.Domain = "{host}"

	generate := kms.CreateGenerateDataKeyRequest()
	generate.Scheme = "{scheme}"
	generate.KeyId = "{key}"
	dataKey, err := client.GenerateDataKey(generate)
	if err != nil {{
		panic(err)
	}}
	decrypt := kms.CreateDecryptRequest()
	decrypt.Scheme = "{scheme}"
	decrypt.CiphertextBlob = dataKey.CiphertextBlob
	plain, err := client.Decrypt(decrypt)
	if err != nil {{
		panic(err)
	}}
	fmt.Println(plain.Plaintext == dataKey.Plaintext)
}}
"#
        )
    }

    fn node(&self) -> String {
        let Self { key, host, region, .. } = self;
        let protocol = if self.tls { "" } else { "  protocol: 'http',\n" };
        format!(
            r#"// npm install @alicloud/kms20160120
const kms = require('@alicloud/kms20160120');
const {{ Config }} = require('@alicloud/rpc-client');

const client = new kms.default(new Config({{
  endpoint: '{host}',
{protocol}  regionId: '{region}',
  accessKeyId: process.env.ALIBABA_CLOUD_ACCESS_KEY_ID,
  accessKeySecret: process.env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
}}));
(async () => {{
  const dataKey = await client.generateDataKey(new kms.GenerateDataKeyRequest({{ keyId: '{key}' }}));
  const plain = await client.decrypt(new kms.DecryptRequest({{ ciphertextBlob: dataKey.ciphertextBlob }}));
  console.log(plain.plaintext === dataKey.plaintext);
}})();
"#
        )
    }
}

const CREDENTIALS: Text = text(
    "Each program has an access key of its own in ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and trusts the certificate authority in ALIBABA_CLOUD_CA_BUNDLE.",
    "请为每个程序分别设置环境变量 ALIBABA_CLOUD_ACCESS_KEY_ID 和 ALIBABA_CLOUD_ACCESS_KEY_SECRET（各用自己的访问密钥），并用 ALIBABA_CLOUD_CA_BUNDLE 指定受信任的 CA 证书。",
);
const SERVE: Text = text(
    "The SDKs need a server: `bulla serve` answers the API of Alibaba Cloud KMS with the keys of this store.",
    "各语言 SDK 需要服务器：运行 bulla serve，即可通过阿里云 KMS 的 API 使用此存储中的密钥。",
);
