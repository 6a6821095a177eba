#include "mutt_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mutt_utf8.h"

#define FIRST_SIZE 256
#define FORMAT_MAX 1024


void
mutt_buf_init(mutt_buf_t *b, size_t max)
{
    *b = (mutt_buf_t) { .max = max };
}


void
mutt_buf_done(mutt_buf_t *b)
{
    free(b->data);
    mutt_buf_init(b, b->max);
}


void
mutt_buf_reset(mutt_buf_t *b)
{
    b->len = 0;
    b->failed = false;
}


char *
mutt_buf_reserve(mutt_buf_t *b, size_t n)
{
    if (b->failed) {
        return NULL;
    }

    if (n <= b->size - b->len) {
        return b->data + b->len;
    }

    if (n > b->max - b->len) {
        b->failed = true;
        return NULL;
    }

    size_t size = b->size == 0 ? FIRST_SIZE : b->size;

    while (size < b->len + n) {
        size *= 2;
    }

    if (size > b->max) {
        size = b->max;
    }

    char *data = realloc(b->data, size);

    if (data == NULL) {
        b->failed = true;
        return NULL;
    }

    b->data = data;
    b->size = size;

    return b->data + b->len;
}


void
mutt_buf_add_more(mutt_buf_t *b, const void *data, size_t n)
{
    if (n == 0) {
        return;
    }

    char *p = mutt_buf_reserve(b, n);

    if (p != NULL) {
        memcpy(p, data, n);
        b->len += n;
    }
}


void
mutt_buf_add_int(mutt_buf_t *b, int64_t n)
{
    char digits[24];
    char *p = digits + sizeof(digits);
    uint64_t left = n < 0 ? 0 - (uint64_t) n : (uint64_t) n;

    do {
        *--p = (char) ('0' + left % 10);
        left /= 10;
    } while (left > 0);

    if (n < 0) {
        *--p = '-';
    }

    mutt_buf_add(b, p, (size_t) (digits + sizeof(digits) - p));
}


void
mutt_buf_addf(mutt_buf_t *b, const char *fmt, ...)
{
    char *p = mutt_buf_reserve(b, FORMAT_MAX);

    if (p == NULL) {
        return;
    }

    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(p, FORMAT_MAX, fmt, args);
    va_end(args);

    if (len < 0 || len >= FORMAT_MAX) {
        b->failed = true;
        return;
    }

    b->len += (size_t) len;
}


static bool
plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}


static void
add_escape(mutt_buf_t *b, uint32_t cp)
{
    switch (cp) {
    case '"':
        MUTT_BUF_LIT(b, "\\\"");
        break;
    case '\\':
        MUTT_BUF_LIT(b, "\\\\");
        break;
    case '\n':
        MUTT_BUF_LIT(b, "\\n");
        break;
    case '\r':
        MUTT_BUF_LIT(b, "\\r");
        break;
    case '\t':
        MUTT_BUF_LIT(b, "\\t");
        break;
    default:
        mutt_buf_addf(b, "\\u%04x", (unsigned) cp);
    }
}


void
mutt_buf_add_json(mutt_buf_t *b, mutt_str_t s)
{
    MUTT_BUF_LIT(b, "\"");
    mutt_buf_add_json_part(b, s);
    MUTT_BUF_LIT(b, "\"");
}


void
mutt_buf_add_json_part(mutt_buf_t *b, mutt_str_t s)
{
    const char *p = s.data;
    const char *end = s.data + s.len;

    while (p < end) {
        const char *run = p;

        while (p < end && plain((unsigned char) *p)) {
            p++;
        }

        mutt_buf_add(b, run, (size_t) (p - run));

        if (p == end) {
            break;
        }

        uint32_t cp;
        size_t n = mutt_utf8_decode(p, (size_t) (end - p), &cp);

        if (n == 0) {
            MUTT_BUF_LIT(b, "\xef\xbf\xbd");
            p++;

        } else if (cp <= 0x9f || cp == 0x2028 || cp == 0x2029) {
            add_escape(b, cp);
            p += n;

        } else {
            mutt_buf_add(b, p, n);
            p += n;
        }
    }
}
