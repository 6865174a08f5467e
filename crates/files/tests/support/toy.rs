/// A KMS for examples, which wraps a data key by encoding it. Any other `KeyService` can take its place.
pub struct Toy;

impl bulla_envelope::KeyService for Toy {
    fn generate_data_key(
        &self,
        key: &str,
        context: &bulla_envelope::EncryptionContext,
    ) -> Result<bulla_envelope::GeneratedDataKey, bulla_envelope::KeyServiceError> {
        let data_key = bulla_envelope::DataKey::random();
        Ok(bulla_envelope::GeneratedDataKey { wrapped: self.wrap(key, &data_key, context)?, data_key })
    }

    fn wrap(
        &self,
        _: &str,
        data_key: &bulla_envelope::DataKey,
        _: &bulla_envelope::EncryptionContext,
    ) -> Result<bulla_envelope::WrappedKey, bulla_envelope::KeyServiceError> {
        Ok(bulla_envelope::WrappedKey {
            key_id: "toy".to_owned(),
            key_version_id: "1".to_owned(),
            ciphertext_blob: data_key.to_base64().to_string(),
        })
    }

    fn unwrap(
        &self,
        blob: &str,
        _: &bulla_envelope::EncryptionContext,
    ) -> Result<bulla_envelope::UnwrappedDataKey, bulla_envelope::KeyServiceError> {
        let data_key = bulla_envelope::DataKey::from_base64(blob)
            .map_err(|error| bulla_envelope::KeyServiceError::InvalidResponse(std::sync::Arc::new(error)))?;
        Ok(bulla_envelope::UnwrappedDataKey {
            data_key,
            key_id: "toy".to_owned(),
            key_version_id: "1".to_owned(),
        })
    }
}
