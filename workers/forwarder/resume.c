#include "forwarder.h"


mutt_rc_t
forwarder_resume(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);
    bool listed[SLOTS] = { false };
    mutt_str_t *items;
    size_t n;

    mutt_pool_reset(f->pool);

    mutt_rc_t rc =
        mutt_outbox_resume(mutt_run_queue(run), f->pool, &n, &items, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_str_t *unknown = mutt_pool_alloc(f->pool, (n + 1) * sizeof(*unknown));
    size_t n_unknown = 0;

    if (unknown == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory to resume");
    }

    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < SLOTS && (!f->slots[k].used || listed[k] ||
                             !mutt_str_eq(f->slots[k].item, items[i]))) {
            k++;
        }

        if (k < SLOTS) {
            listed[k] = true;
        } else {
            unknown[n_unknown++] = items[i];
        }
    }

    slot_t *done = f->done;

    f->done = NULL;
    f->n_done = 0;

    while (done != NULL) {
        slot_t *slot = done;

        done = slot->next;

        if (listed[slot - f->slots]) {
            slot->next = f->done;
            f->done = slot;
            f->n_done++;
        } else {
            forwarder_free_slot(f, slot);
        }
    }

    for (size_t i = 0; i < n_unknown; i++) {
        forwarder_take(run, f, unknown[i], false);
    }

    return MUTT_OK;
}
