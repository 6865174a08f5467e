/*
 * What the plugin calls of libcryptsetup, without bodies. ./build-token-plugin makes a library of it to link with, so the
 * real one need not be installed where the plugin is built; the plugin then names libcryptsetup.so.12 and the versions of
 * its symbols as what it needs. Without that, a program that loaded libcryptsetup by dlopen would not find them.
 */
void crypt_dump_json(void) {}
void crypt_get_uuid(void) {}
void crypt_log(void) {}
