/* The ledger as one snapshot (lib/domain/lua/ledger.lua). */

#ifndef MUTTDEV_LEDGER_H
#define MUTTDEV_LEDGER_H

#include "check.h"
#include "core/mutt_buf.h"

typedef struct {
    size_t n;
    struct {
        char name[24];
        int64_t value;
    } counts[24];
} ledger_t;

MUTT_CHECKED mutt_rc_t ledger_read(check_t *check, ledger_t *ledger,
                                   mutt_err_t *err);

/* A count by its name; 0 when there is none. */
int64_t ledger_get(const ledger_t *ledger, const char *name);

/* Items that someone still has to work on; dead letters are not. */
int64_t ledger_waiting(const ledger_t *ledger);

/* A table on stdout; an object's members, as JSON. */
void ledger_print(const ledger_t *ledger);
void ledger_json(const ledger_t *ledger, mutt_buf_t *out);

#endif
