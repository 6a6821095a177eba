#include "mutt_uuid.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#define RANDOM_BUFFER 4096


mutt_uuid_t
mutt_uuid_v7(mutt_usec_t at, const unsigned char random[10])
{
    mutt_uuid_t id;
    uint64_t millis = (uint64_t) (at / 1000);

    for (int i = 0; i < 6; i++) {
        id.bytes[i] = (unsigned char) (millis >> (40 - 8 * i));
    }

    memcpy(&id.bytes[6], random, 10);
    id.bytes[6] = (id.bytes[6] & 0x0f) | 0x70;
    id.bytes[8] = (id.bytes[8] & 0x3f) | 0x80;

    return id;
}


/* The hex digits of each byte, by the byte. */
#define ROW(h)                                                                 \
    h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h "a" h "b" h  \
      "c" h "d" h "e" h "f"

static const char hex_pairs[] =
    ROW("0") ROW("1") ROW("2") ROW("3") ROW("4") ROW("5") ROW("6") ROW("7")
        ROW("8") ROW("9") ROW("a") ROW("b") ROW("c") ROW("d") ROW("e") ROW("f");


static bool
dash_before(int i)
{
    return i == 4 || i == 6 || i == 8 || i == 10;
}


/* Digits of the bytes up to the one at end, from the one at i on. */
static char *
put_hex(char *out, const unsigned char *bytes, int i, int end)
{
    for (; i < end; i++) {
        memcpy(out, hex_pairs + 2 * bytes[i], 2);
        out += 2;
    }

    return out;
}


void
mutt_uuid_format(const mutt_uuid_t *id, char out[MUTT_UUID_LEN + 1])
{
    char *p = put_hex(out, id->bytes, 0, 4);

    *p++ = '-';
    p = put_hex(p, id->bytes, 4, 6);
    *p++ = '-';
    p = put_hex(p, id->bytes, 6, 8);
    *p++ = '-';
    p = put_hex(p, id->bytes, 8, 10);
    *p++ = '-';
    p = put_hex(p, id->bytes, 10, 16);
    *p = '\0';
}


/* What a hexadecimal digit is worth, or -1. */
static int
nibble(char c)
{
    static const signed char more[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    };

    return more[(unsigned char) c] - 1;
}


bool
mutt_uuid_parse(mutt_str_t text, mutt_uuid_t *id)
{
    mutt_uuid_t parsed;
    const char *p = text.data;

    if (text.len != MUTT_UUID_LEN) {
        return false;
    }

    for (int i = 0; i < 16; i++) {
        if (dash_before(i) && *p++ != '-') {
            return false;
        }

        int high = nibble(*p++);
        int low = nibble(*p++);

        if ((high | low) < 0) {
            return false;
        }

        parsed.bytes[i] = (unsigned char) (high << 4 | low);
    }

    *id = parsed;

    return true;
}


/* The kernel's own: it needs no memory, which libcrypto's generator needs
 * and does not check for. */
static bool
fill(unsigned char *out, size_t n)
{
    while (n > 0) {
        ssize_t got = getrandom(out, n, 0);

        if (got < 0 && errno != EINTR) {
            return false;
        }

        if (got > 0) {
            out += got;
            n -= (size_t) got;
        }
    }

    return true;
}


static unsigned char buffer[RANDOM_BUFFER];
static size_t left;
static bool watched; /* for forks */


/* A child must not repeat its parent's bytes. */
static void
forget(void)
{
    left = 0;
}


bool
mutt_random(void *out, size_t n)
{
    if (n > sizeof(buffer)) {
        return fill(out, n);
    }

    if (!watched) {
        if (pthread_atfork(NULL, NULL, forget) != 0) {
            return fill(out, n);
        }

        watched = true;
    }

    if (n > left) {
        if (!fill(buffer, sizeof(buffer))) {
            return false;
        }

        left = sizeof(buffer);
    }

    left -= n;
    memcpy(out, buffer + left, n);
    memset(buffer + left, 0, n);

    return true;
}
