#include "mutt_match_hyper.h"

#include <stdlib.h>
#include <string.h>

#include <hs.h>

struct mutt_hyper_lone_s {
    bool narrow;
    bool tried[2]; /* for any message: [1] */
    hs_database_t *databases[2];
    char text[];
};


unsigned
mutt_hyper_flags(bool wide, bool loose)
{
    unsigned flags =
        HS_FLAG_CASELESS | HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY;

    if (wide) {
        flags |= HS_FLAG_UTF8 | HS_FLAG_UCP;
    }

    return loose ? flags | HS_FLAG_PREFILTER : flags;
}


bool
mutt_hyper_reads(const char *text, unsigned flags)
{
    hs_compile_error_t *error = NULL;
    hs_expr_info_t *info = NULL;
    bool reads = hs_expression_info(text, flags, &info, &error) == HS_SUCCESS;

    free(info);
    (void) hs_free_compile_error(error);

    return reads;
}


mutt_hyper_lone_t *
mutt_hyper_lone_create(const char *text, bool narrow)
{
    size_t len = strlen(text) + 1;
    mutt_hyper_lone_t *lone = calloc(1, sizeof(mutt_hyper_lone_t) + len);

    if (lone == NULL) {
        return NULL;
    }

    lone->narrow = narrow;
    memcpy(lone->text, text, len);

    return lone;
}


void
mutt_hyper_lone_destroy(mutt_hyper_lone_t *lone)
{
    if (lone != NULL) {
        (void) hs_free_database(lone->databases[0]);
        (void) hs_free_database(lone->databases[1]);
        free(lone);
    }
}


const struct hs_database *
mutt_hyper_lone_database(mutt_hyper_lone_t *lone, bool wide)
{
    bool any = wide || !lone->narrow;

    if (!lone->tried[any]) {
        hs_compile_error_t *error = NULL;

        lone->tried[any] = true;
        (void) hs_compile(lone->text, mutt_hyper_flags(any, false),
                          HS_MODE_BLOCK, NULL, &lone->databases[any], &error);
        (void) hs_free_compile_error(error);
    }

    return lone->databases[any];
}
