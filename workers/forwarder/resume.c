#include "forwarder.h"


/* The alert that an item of the list is; one for each, if there are equals. */
static slot_t *
find(forwarder_t *f, mutt_str_t item)
{
    for (size_t k = 0; k < SLOTS; k++) {
        slot_t *slot = &f->slots[k];

        if (slot->used && !slot->placed && mutt_str_eq(slot->item, item)) {
            return slot;
        }
    }

    return NULL;
}


/* What was done and is no longer listed. */
static void
free_settled(forwarder_t *f)
{
    slot_t **at = &f->done;

    while (*at != NULL) {
        slot_t *slot = *at;

        if (slot->placed) {
            at = &slot->next;
        } else {
            *at = slot->next;
            f->n_done--;
            forwarder_free_slot(f, slot);
        }
    }
}


mutt_rc_t
forwarder_resume(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);
    mutt_str_t *items;
    size_t n;

    mutt_pool_reset(f->pool);

    mutt_rc_t rc =
        mutt_outbox_resume(mutt_run_queue(run), f->pool, &n, &items, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    slot_t **slots = mutt_pool_calloc(f->pool, (n + 1) * sizeof(slot_t *));

    if (slots == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory to resume");
    }

    forwarder_forget_order(f);

    for (size_t i = 0; i < n; i++) {
        slots[i] = find(f, items[i]);

        if (slots[i] != NULL) {
            slots[i]->placed = true;
        }
    }

    free_settled(f);

    for (size_t i = 0; i < n && rc == MUTT_OK; i++) {
        if (slots[i] != NULL) {
            forwarder_place(f, slots[i]);
        } else {
            rc = forwarder_take(f, items[i], false, err);
        }
    }

    return rc;
}
