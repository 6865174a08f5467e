//! Keys, aliases and their states, ciphertext blobs and sealed records of a KMS, without IO.
