#include "mutt_fold.h"

#include "core/mutt_hash.h"


static bool
digit(char c)
{
    return c >= '0' && c <= '9';
}


static bool
letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static bool
hex_letter(char c)
{
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}


/* The end of the word at p: letters, digits, and joiners between them. */
static const char *
word_end(const char *p, const char *end)
{
    const char *last = p;

    while (p < end) {
        if (digit(*p) || letter(*p)) {
            last = ++p;
        } else if (*p == '.' || *p == ':' || *p == '-') {
            p++;
        } else {
            break;
        }
    }

    return last;
}


/* Letters of hexadecimal words and addresses go with the digits beside
 * them; other letters stay, so that "eth0" and "ge0" are two kinds. */
static size_t
fold_word(const char *p, const char *end, char *out, size_t n, size_t max)
{
    bool numeric = false;
    bool pure = true;

    for (const char *q = p; q < end; q++) {
        numeric = numeric || digit(*q);
        pure = pure && (!letter(*q) || hex_letter(*q) || *q == 'x');
    }

    if (numeric && pure) {
        if (n < max) {
            out[n++] = '#';
        }

        return n;
    }

    for (; p < end && n < max; p++) {
        if (!digit(*p)) {
            out[n++] = *p;
        } else if (n == 0 || out[n - 1] != '#') {
            out[n++] = '#';
        }
    }

    return n;
}


size_t
mutt_fold(mutt_str_t message, char out[MUTT_FOLD_MAX])
{
    const char *p = message.data;
    const char *end = p + message.len;
    size_t n = 0;

    while (p < end && n < MUTT_FOLD_MAX) {
        /* no word begins with a joiner; a run of them is passed once */
        if (!digit(*p) && !letter(*p)) {
            out[n++] = *p++;
            continue;
        }

        const char *stop = word_end(p, end);

        n = fold_word(p, stop, out, n, MUTT_FOLD_MAX);
        p = stop;
    }

    return n;
}


bool
mutt_fold_hash(mutt_str_t message, char out[MUTT_HASH16_LEN + 1])
{
    char folded[MUTT_FOLD_MAX];
    char hex[41];
    size_t n = mutt_fold(message, folded);

    if (!mutt_sha1_hex((mutt_str_t) { folded, n }, hex)) {
        return false;
    }

    memcpy(out, hex, MUTT_HASH16_LEN);
    out[MUTT_HASH16_LEN] = '\0';

    return true;
}
