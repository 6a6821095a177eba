#include "mutt_match_words.h"

#include <stdlib.h>
#include <string.h>

#include <hs.h>

#include "core/mutt_pool.h"

#define POOL_BLOCK 65536

/* what Hyperscan tells texts apart by */
#define WINDOW 8

/* where a text may be cut, so that counting windows ends some day */
#define CUT_MAX 128

/* the letters besides a to z whose lower case is one of them: long s and the
 * Kelvin sign */
#define LONG_S "\xc5\xbf"
#define KELVIN "\xe2\x84\xaa"

/* a message with such letters is looked at in pieces of this and the longest
 * text */
#define PIECE 16384

/* for the index of something that is not there */
#define NONE UINT32_MAX

typedef struct {
    uint32_t id;
    uint32_t cut;     /* what Hyperscan looks for */
    uint32_t sharing; /* texts with the same last characters of it */
    mutt_str_t text;  /* in lower case */
} word_t;

/* How many texts have a window; free when it is 0. */
typedef struct {
    uint64_t window;
    uint32_t n;
} count_t;

struct mutt_words_s {
    mutt_pool_t *pool; /* of texts */
    word_t *words;
    size_t n;
    size_t room;
    uint32_t *chosen; /* by id */
    size_t ids;
    hs_database_t *database; /* its ids are indices of words; NULL: none */
    hs_scratch_t *scratch;
    char *piece;    /* of a message, its special letters folded */
    size_t longest; /* of the texts */
};

/* One scan. */
typedef struct {
    const mutt_words_t *words;
    mutt_str_t text;
    mutt_words_found_t found;
    void *data;
} scan_t;


mutt_words_t *
mutt_words_create(size_t n)
{
    mutt_words_t *words = calloc(1, sizeof(mutt_words_t));

    if (words == NULL) {
        return NULL;
    }

    words->pool = mutt_pool_create(POOL_BLOCK);
    words->chosen = malloc((n + 1) * sizeof(uint32_t));
    words->ids = n;

    if (words->pool == NULL || words->chosen == NULL) {
        mutt_words_destroy(words);
        return NULL;
    }

    for (size_t i = 0; i < n; i++) {
        words->chosen[i] = NONE;
    }

    return words;
}


void
mutt_words_destroy(mutt_words_t *words)
{
    if (words == NULL) {
        return;
    }

    (void) hs_free_scratch(words->scratch);
    (void) hs_free_database(words->database);
    mutt_pool_destroy(words->pool);
    free(words->words);
    free(words->chosen);
    free(words->piece);
    free(words);
}


static char
lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char) (c + ('a' - 'A'));
    }

    return c;
}


bool
mutt_words_add(mutt_words_t *words, uint32_t id, mutt_str_t text)
{
    if (words->n == words->room) {
        size_t room = words->room == 0 ? 64 : 2 * words->room;
        word_t *more = realloc(words->words, room * sizeof(word_t));

        if (more == NULL) {
            return false;
        }

        words->words = more;
        words->room = room;
    }

    char *copy = mutt_pool_alloc(words->pool, text.len + 1);

    if (copy == NULL) {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        copy[i] = lower(text.data[i]);
    }

    copy[text.len] = '\0';
    words->words[words->n++] =
        (word_t) { .id = id, .text = { copy, text.len } };

    return true;
}


/* The last characters of the first end ones of a text. */
static uint64_t
window_of(const word_t *word, size_t end)
{
    uint64_t window = 0;
    size_t len = end < WINDOW ? end : WINDOW;

    memcpy(&window, word->text.data + end - len, len);

    return window;
}


/* The first and the last place where a text may be cut. */
static size_t
first_cut(const word_t *word)
{
    return word->text.len < WINDOW ? word->text.len : WINDOW;
}


static size_t
last_cut(const word_t *word)
{
    return word->text.len < CUT_MAX ? word->text.len : CUT_MAX;
}


/* The place of a window in a table of mask + 1 places that has room. */
static count_t *
place_of(count_t *table, size_t mask, uint64_t window)
{
    uint64_t hash = window * 0x9E3779B97F4A7C15u;
    size_t i = (size_t) (hash >> 32) & mask;

    while (table[i].n > 0 && table[i].window != window) {
        i = (i + 1) & mask;
    }

    return &table[i];
}


static void
cut(word_t *word, count_t *table, size_t mask)
{
    word->sharing = UINT32_MAX;

    /* of equals the last, since least is left to compare */
    for (size_t end = first_cut(word); end <= last_cut(word); end++) {
        uint32_t n = place_of(table, mask, window_of(word, end))->n;

        if (n <= word->sharing) {
            word->sharing = n;
            word->cut = (uint32_t) end;
        }
    }
}


/* Whether a is the better text to look for. */
static bool
is_better(const word_t *a, const word_t *b)
{
    size_t x = a->text.len < WINDOW ? a->text.len : WINDOW;
    size_t y = b->text.len < WINDOW ? b->text.len : WINDOW;

    return x != y ? x > y : a->sharing < b->sharing;
}


static count_t *
count_windows(const mutt_words_t *words, size_t *mask)
{
    size_t windows = 0;
    size_t room = 64;

    for (size_t i = 0; i < words->n; i++) {
        windows += last_cut(&words->words[i]) - first_cut(&words->words[i]) + 1;
    }

    while (room < 2 * windows) {
        room *= 2;
    }

    count_t *table = calloc(room, sizeof(count_t));

    if (table == NULL) {
        return NULL;
    }

    *mask = room - 1;

    for (size_t i = 0; i < words->n; i++) {
        const word_t *word = &words->words[i];

        for (size_t end = first_cut(word); end <= last_cut(word); end++) {
            uint64_t window = window_of(word, end);
            count_t *count = place_of(table, *mask, window);

            count->window = window;
            count->n++;
        }
    }

    return table;
}


bool
mutt_words_choose(mutt_words_t *words)
{
    size_t mask;
    count_t *table = count_windows(words, &mask);

    if (table == NULL) {
        return false;
    }

    for (size_t i = 0; i < words->n; i++) {
        word_t *word = &words->words[i];
        uint32_t *chosen = &words->chosen[word->id];

        cut(word, table, mask);

        if (*chosen == NONE || is_better(word, &words->words[*chosen])) {
            *chosen = (uint32_t) i;
        }
    }

    free(table);

    return true;
}


size_t
mutt_words_sharing(const mutt_words_t *words, uint32_t id)
{
    uint32_t i = words->chosen[id];

    return i == NONE ? 0 : words->words[i].sharing;
}


void
mutt_words_drop(mutt_words_t *words, uint32_t id)
{
    words->chosen[id] = NONE;
}


static mutt_rc_t
compile(mutt_words_t *words, size_t n, const char **texts, unsigned *flags,
        unsigned *ids, size_t *lens, mutt_err_t *err)
{
    hs_compile_error_t *error = NULL;
    size_t k = 0;

    for (size_t id = 0; id < words->ids; id++) {
        if (words->chosen[id] == NONE) {
            continue;
        }

        const word_t *word = &words->words[words->chosen[id]];

        texts[k] = word->text.data;
        lens[k] = word->cut;
        ids[k] = words->chosen[id];
        flags[k++] = HS_FLAG_CASELESS |
                     (word->cut == word->text.len ? HS_FLAG_SINGLEMATCH : 0);

        if (word->text.len > words->longest) {
            words->longest = word->text.len;
        }
    }

    if (hs_compile_lit_multi(texts, flags, ids, lens, (unsigned) n,
                             HS_MODE_BLOCK, NULL, &words->database,
                             &error) != HS_SUCCESS) {
        mutt_rc_t rc = mutt_fail(err, MUTT_INVALID,
                                 "Hyperscan does not take %zu texts: "
                                 "%s",
                                 n, error->message);

        (void) hs_free_compile_error(error);

        return rc;
    }

    words->piece = malloc(PIECE + words->longest);

    if (words->piece == NULL ||
        hs_alloc_scratch(words->database, &words->scratch) != HS_SUCCESS) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a scan");
    }

    return MUTT_OK;
}


mutt_rc_t
mutt_words_build(mutt_words_t *words, mutt_err_t *err)
{
    size_t n = 0;

    for (size_t id = 0; id < words->ids; id++) {
        n += words->chosen[id] != NONE;
    }

    if (n == 0) {
        return MUTT_OK;
    }

    const char **texts = calloc(n, sizeof(char *));
    unsigned *flags = calloc(n, sizeof(unsigned));
    unsigned *ids = calloc(n, sizeof(unsigned));
    size_t *lens = calloc(n, sizeof(size_t));
    mutt_rc_t rc = texts == NULL || flags == NULL || ids == NULL || lens == NULL
                       ? mutt_fail(err, MUTT_NOMEM, "out of memory for texts")
                       : compile(words, n, texts, flags, ids, lens, err);

    free(texts);
    free(flags);
    free(ids);
    free(lens);

    return rc;
}


/* Whether what was cut off a text stands at place at. */
static bool
goes_on(const word_t *word, mutt_str_t text, size_t at)
{
    size_t left = word->text.len - word->cut;

    if (at > text.len || text.len - at < left) {
        return false;
    }

    for (size_t i = 0; i < left; i++) {
        if (lower(text.data[at + i]) != word->text.data[word->cut + i]) {
            return false;
        }
    }

    return true;
}


static int
on_match(unsigned i, unsigned long long from, unsigned long long to,
         unsigned flags, void *context)
{
    const scan_t *scan = context;
    const word_t *word = &scan->words->words[i];

    (void) from;
    (void) flags;

    if (goes_on(word, scan->text, (size_t) to)) {
        scan->found(scan->data, word->id);
    }

    return 0;
}


static void
scan_text(const mutt_words_t *words, scan_t *scan, mutt_str_t text)
{
    scan->text = text;
    (void) hs_scan(words->database, text.data, (unsigned) text.len, 0,
                   words->scratch, on_match, scan);
}


static bool
opens_with(mutt_str_t text, mutt_str_t head)
{
    return text.len >= head.len && memcmp(text.data, head.data, head.len) == 0;
}


/* ASCII in place of the first letter of text; how long the letter is. */
static size_t
fold(mutt_str_t text, char *out)
{
    if (opens_with(text, MUTT_STR(LONG_S))) {
        *out = 's';
        return strlen(LONG_S);
    }

    if (opens_with(text, MUTT_STR(KELVIN))) {
        *out = 'k';
        return strlen(KELVIN);
    }

    *out = text.data[0];

    return 1;
}


/*
 * Scans a message with ASCII in place of those letters, piece by piece; each
 * begins with the end of the one before, so that no text falls between two.
 */
static void
scan_folded(const mutt_words_t *words, scan_t *scan, mutt_str_t text)
{
    size_t n = 0;
    size_t at = 0;

    while (at < text.len) {
        size_t kept = n < words->longest ? n : words->longest;

        memmove(words->piece, words->piece + n - kept, kept);
        n = kept;

        while (at < text.len && n < PIECE + words->longest) {
            at += fold((mutt_str_t) { text.data + at, text.len - at },
                       words->piece + n++);
        }

        scan_text(words, scan, (mutt_str_t) { words->piece, n });
    }
}


static bool
has_special(mutt_str_t text)
{
    return memchr(text.data, (unsigned char) LONG_S[0], text.len) != NULL ||
           memchr(text.data, (unsigned char) KELVIN[0], text.len) != NULL;
}


void
mutt_words_scan(mutt_words_t *words, mutt_str_t text, bool ascii,
                mutt_words_found_t found, void *data)
{
    scan_t scan = { .words = words, .found = found, .data = data };

    if (words->database == NULL) {
        return;
    }

    if (!ascii && has_special(text)) {
        scan_folded(words, &scan, text);
    } else {
        scan_text(words, &scan, text);
    }
}
