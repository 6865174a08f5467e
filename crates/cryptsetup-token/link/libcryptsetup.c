/*
 * The functions of libcryptsetup that the plugin calls, without bodies. ./build-token-plugin builds a library of them to link
 * with, so the real one need not be installed where the plugin is built. The plugin then depends on libcryptsetup.so.12 and
 * the versions of its symbols. Without that, the plugin could not find them in a program that loaded libcryptsetup by dlopen.
 */
void crypt_dump_json(void) {}
void crypt_get_uuid(void) {}
void crypt_log(void) {}
