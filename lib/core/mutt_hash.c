/* The plain functions need no memory, which libcrypto's general ones need and
 * do not always check for, and are faster for what is short. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "mutt_hash.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>


bool
mutt_sha256(mutt_str_t data, unsigned char out[MUTT_SHA256_LEN])
{
    SHA256_CTX ctx;

    return SHA256_Init(&ctx) == 1 &&
           SHA256_Update(&ctx, data.data, data.len) == 1 &&
           SHA256_Final(out, &ctx) == 1;
}


bool
mutt_sha1_hex(mutt_str_t data, char out[41])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA_CTX ctx;

    if (SHA1_Init(&ctx) != 1 || SHA1_Update(&ctx, data.data, data.len) != 1 ||
        SHA1_Final(digest, &ctx) != 1) {
        return false;
    }

    for (int i = 0; i < SHA_DIGEST_LENGTH; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 0x0f];
    }

    out[40] = '\0';

    return true;
}


bool
mutt_equal_constant_time(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}
