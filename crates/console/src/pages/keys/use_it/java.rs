//! Example for Java: aliyun-java-sdk-kms, which calls the MAC actions with common requests.

use super::Use;
use crate::address::Server;
use crate::pages::keys::Purpose;

impl Use<'_> {
    pub(super) fn java(&self) -> String {
        let Server { host, region, .. } = self.server;
        let packages = if self.signer.is_some() { ", org.bouncycastle:bcprov-jdk18on" } else { "" };
        format!(
            r#"// com.aliyun:aliyun-java-sdk-kms, com.aliyun:aliyun-java-sdk-core{packages}
{}
public class Example {{
    public static void main(String[] arguments) throws Exception {{
        DefaultProfile.addEndpoint("{region}", "Kms", "{host}");
        DefaultAcsClient client = new DefaultAcsClient(DefaultProfile.getProfile("{region}",
                System.getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), System.getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")));

{}    }}
{}}}
"#,
            self.java_imports(),
            self.java_calls(),
            if self.purpose == Purpose::Macs { self.java_common() } else { String::new() },
        )
    }

    fn java_imports(&self) -> String {
        const MODEL: &str = "com.aliyuncs.kms.model.v20160120";
        let mut names = vec!["com.aliyuncs.DefaultAcsClient".to_owned()];
        let models: &[&str] = match self.purpose {
            Purpose::DataKeys => &["DecryptRequest", "GenerateDataKeyRequest", "GenerateDataKeyResponse"],
            Purpose::Encryption => &["AsymmetricDecryptRequest", "AsymmetricEncryptRequest"],
            Purpose::Signatures => &["AsymmetricSignRequest", "AsymmetricVerifyRequest"],
            Purpose::Macs => &[],
        };
        names.extend(models.iter().map(|name| format!("{MODEL}.{name}")));
        if self.purpose == Purpose::Macs {
            let common = [
                "com.aliyuncs.CommonRequest",
                "com.aliyuncs.http.MethodType",
                "com.aliyuncs.http.ProtocolType",
            ];
            names.extend(["com.google.gson.Gson", "com.google.gson.JsonObject"].map(str::to_owned));
            names.extend(common.map(str::to_owned));
        }
        if !self.server.tls && self.purpose != Purpose::Macs {
            names.push("com.aliyuncs.http.ProtocolType".to_owned());
        }
        names.push("com.aliyuncs.profile.DefaultProfile".to_owned());
        if self.purpose != Purpose::DataKeys {
            names.push("java.nio.charset.StandardCharsets".to_owned());
            names.push("java.util.Base64".to_owned());
        }
        if self.purpose == Purpose::Signatures {
            let sm3 = "org.bouncycastle.crypto.digests.SM3Digest";
            let digest = if self.signer.is_some() { sm3 } else { "java.security.MessageDigest" };
            names.push(digest.to_owned());
        }
        names.sort_unstable();
        names.iter().map(|name| format!("import {name};\n")).collect()
    }

    fn java_calls(&self) -> String {
        let key = self.key;
        match self.purpose {
            Purpose::DataKeys => format!(
                r#"        GenerateDataKeyRequest generate = new GenerateDataKeyRequest();
        generate.setKeyId("{key}");
{}        GenerateDataKeyResponse dataKey = client.getAcsResponse(generate);
        DecryptRequest decrypt = new DecryptRequest();
        decrypt.setCiphertextBlob(dataKey.getCiphertextBlob());
{}        String plaintext = client.getAcsResponse(decrypt).getPlaintext();
        System.out.println(plaintext.equals(dataKey.getPlaintext()));
"#,
                self.java_protocol("generate"),
                self.java_protocol("decrypt"),
            ),
            Purpose::Encryption => format!(
                r#"        String plaintext = Base64.getEncoder().encodeToString("message".getBytes(StandardCharsets.UTF_8));
        AsymmetricEncryptRequest encrypt = new AsymmetricEncryptRequest();
{}        encrypt.setPlaintext(plaintext);
        String ciphertext = client.getAcsResponse(encrypt).getCiphertextBlob();
        AsymmetricDecryptRequest decrypt = new AsymmetricDecryptRequest();
{}        decrypt.setCiphertextBlob(ciphertext);
        System.out.println(client.getAcsResponse(decrypt).getPlaintext().equals(plaintext));
"#,
                self.java_pair("encrypt"),
                self.java_pair("decrypt"),
            ),
            Purpose::Signatures => format!(
                r"        byte[] message = {};
{}        String digest = Base64.getEncoder().encodeToString(hash);
        AsymmetricSignRequest sign = new AsymmetricSignRequest();
{}        sign.setDigest(digest);
        String signature = client.getAcsResponse(sign).getValue();
        AsymmetricVerifyRequest verify = new AsymmetricVerifyRequest();
{}        verify.setDigest(digest);
        verify.setValue(signature);
        System.out.println(client.getAcsResponse(verify).getValue());
",
                r#""message".getBytes(StandardCharsets.UTF_8)"#,
                self.java_hash(),
                self.java_pair("sign"),
                self.java_pair("verify"),
            ),
            Purpose::Macs => JAVA_MACS.to_owned(),
        }
    }

    fn java_hash(&self) -> String {
        match &self.signer {
            None => {
                "        byte[] hash = MessageDigest.getInstance(\"SHA-256\").digest(message);\n".to_owned()
            }
            Some(signer) => format!(
                r#"        byte[] signer = Base64.getDecoder().decode("{signer}"); // of this version of the key
        SM3Digest sm3 = new SM3Digest();
        sm3.update(signer, 0, signer.length);
        sm3.update(message, 0, message.length);
        byte[] hash = new byte[sm3.getDigestSize()];
        sm3.doFinal(hash, 0);
"#
            ),
        }
    }

    /// Returns the methods that send common requests, for the MAC actions.
    fn java_common(&self) -> String {
        let Self { key, algorithm, server: Server { host, .. }, .. } = self;
        let protocol = self.server.scheme().to_ascii_uppercase(); // HTTP unless it is set
        format!(
            r#"
    // The client has no request of its own for these actions.
    private static CommonRequest request(String action, String message) {{
        CommonRequest request = new CommonRequest();
        request.setSysDomain("{host}");
        request.setSysVersion("2016-01-20");
        request.setSysAction(action);
        request.setSysMethod(MethodType.POST);
        request.setSysProtocol(ProtocolType.{protocol});
        request.putQueryParameter("KeyId", "{key}");
        request.putQueryParameter("Algorithm", "{algorithm}");
        request.putQueryParameter("Message", message);
        return request;
    }}

    private static JsonObject ask(DefaultAcsClient client, CommonRequest request) throws Exception {{
        return new Gson().fromJson(client.getCommonResponse(request).getData(), JsonObject.class);
    }}
"#
        )
    }

    /// Returns the lines that set the key, version and algorithm of a request.
    fn java_pair(&self, request: &str) -> String {
        let Self { key, version, algorithm, .. } = self;
        format!(
            "        {request}.setKeyId(\"{key}\");\n        {request}.setKeyVersionId(\"{version}\");\n\
             \x20       {request}.setAlgorithm(\"{algorithm}\");\n{}",
            self.java_protocol(request),
        )
    }

    fn java_protocol(&self, request: &str) -> String {
        if self.server.tls {
            String::new()
        } else {
            format!("        {request}.setSysProtocol(ProtocolType.HTTP);\n")
        }
    }
}

const JAVA_MACS: &str = r#"        String message = Base64.getEncoder().encodeToString("message".getBytes(StandardCharsets.UTF_8));
        JsonObject made = ask(client, request("GenerateMac", message));
        CommonRequest verify = request("VerifyMac", message);
        verify.putQueryParameter("Mac", made.get("Mac").getAsString());
        System.out.println(ask(client, verify).get("Value"));
"#;
