#include "mutt_hash.h"

#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>


bool
mutt_sha256(mutt_str_t data, unsigned char out[MUTT_SHA256_LEN])
{
    return EVP_Digest(data.data, data.len, out, NULL, EVP_sha256(), NULL) == 1;
}


bool
mutt_sha1_hex(mutt_str_t data, char out[41])
{
    unsigned char digest[SHA_DIGEST_LENGTH];

    if (EVP_Digest(data.data, data.len, digest, NULL, EVP_sha1(), NULL) != 1) {
        return false;
    }

    for (int i = 0; i < SHA_DIGEST_LENGTH; i++) {
        (void) snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }

    return true;
}


bool
mutt_equal_constant_time(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}
