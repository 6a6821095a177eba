#include "mutt_fold.h"

#include "core/mutt_hash.h"


#define DIGIT 1
#define HEX 2 /* a letter of hexadecimal numbers, or the x in front of them */
#define LETTER 4 /* any other */
#define JOINER 8
#define WORD (DIGIT | HEX | LETTER)

/* What a byte is, as four bits; each is looked at more than once. */
static const unsigned char kinds[256] = {
    ['0'] = DIGIT,  ['1'] = DIGIT,  ['2'] = DIGIT,  ['3'] = DIGIT,
    ['4'] = DIGIT,  ['5'] = DIGIT,  ['6'] = DIGIT,  ['7'] = DIGIT,
    ['8'] = DIGIT,  ['9'] = DIGIT,  ['.'] = JOINER, [':'] = JOINER,
    ['-'] = JOINER, ['a'] = HEX,    ['b'] = HEX,    ['c'] = HEX,
    ['d'] = HEX,    ['e'] = HEX,    ['f'] = HEX,    ['g'] = LETTER,
    ['h'] = LETTER, ['i'] = LETTER, ['j'] = LETTER, ['k'] = LETTER,
    ['l'] = LETTER, ['m'] = LETTER, ['n'] = LETTER, ['o'] = LETTER,
    ['p'] = LETTER, ['q'] = LETTER, ['r'] = LETTER, ['s'] = LETTER,
    ['t'] = LETTER, ['u'] = LETTER, ['v'] = LETTER, ['w'] = LETTER,
    ['x'] = HEX,    ['y'] = LETTER, ['z'] = LETTER, ['A'] = HEX,
    ['B'] = HEX,    ['C'] = HEX,    ['D'] = HEX,    ['E'] = HEX,
    ['F'] = HEX,    ['G'] = LETTER, ['H'] = LETTER, ['I'] = LETTER,
    ['J'] = LETTER, ['K'] = LETTER, ['L'] = LETTER, ['M'] = LETTER,
    ['N'] = LETTER, ['O'] = LETTER, ['P'] = LETTER, ['Q'] = LETTER,
    ['R'] = LETTER, ['S'] = LETTER, ['T'] = LETTER, ['U'] = LETTER,
    ['V'] = LETTER, ['W'] = LETTER, ['X'] = LETTER, ['Y'] = LETTER,
    ['Z'] = LETTER,
};


static unsigned
kind_of(char c)
{
    return kinds[(unsigned char) c];
}


/* The end of the word at p: letters, digits, and joiners between them.  *seen
 * is what there is in it. */
static const char *
word_end(const char *p, const char *end, unsigned *seen)
{
    const char *last = p;

    for (; p < end; p++) {
        unsigned kind = kind_of(*p);

        if (kind == 0) {
            break;
        }

        *seen |= kind;

        if (kind != JOINER) {
            last = p + 1;
        }
    }

    return last;
}


/* Letters of hexadecimal words and addresses go with the digits beside
 * them; other letters stay, so that "eth0" and "ge0" are two kinds. */
static size_t
fold_word(const char *p, const char *end, unsigned seen, char *out, size_t n,
          size_t max)
{
    /* numeric, and nothing but */
    if ((seen & (DIGIT | LETTER)) == DIGIT) {
        if (n < max) {
            out[n++] = '#';
        }

        return n;
    }

    if ((seen & DIGIT) == 0) {
        size_t len =
            (size_t) (end - p) < max - n ? (size_t) (end - p) : max - n;

        memcpy(out + n, p, len);

        return n + len;
    }

    for (; p < end && n < max; p++) {
        if (kind_of(*p) != DIGIT) {
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
        if ((kind_of(*p) & WORD) == 0) {
            out[n++] = *p++;
            continue;
        }

        unsigned seen = 0;
        const char *stop = word_end(p, end, &seen);

        n = fold_word(p, stop, seen, out, n, MUTT_FOLD_MAX);
        p = stop;
    }

    return n;
}


bool
mutt_fold_digest(mutt_str_t folded, char out[MUTT_HASH16_LEN + 1])
{
    char hex[41];

    if (!mutt_sha1_hex(folded, hex)) {
        return false;
    }

    memcpy(out, hex, MUTT_HASH16_LEN);
    out[MUTT_HASH16_LEN] = '\0';

    return true;
}


bool
mutt_fold_hash(mutt_str_t message, char out[MUTT_HASH16_LEN + 1])
{
    char folded[MUTT_FOLD_MAX];
    size_t n = mutt_fold(message, folded);

    return mutt_fold_digest((mutt_str_t) { folded, n }, out);
}
