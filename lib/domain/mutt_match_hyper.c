#include "mutt_match_hyper.h"

#include <stdlib.h>

#include <hs.h>


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
