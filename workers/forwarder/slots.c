#include "forwarder.h"

#include "core/mutt_failpoint.h"


slot_t *
forwarder_take_slot(forwarder_t *f, mutt_str_t item)
{
    slot_t *slot = f->free;
    mutt_err_t ignored;

    if (slot == NULL || MUTT_FAILPOINT("forwarder.slot", &ignored) != MUTT_OK) {
        return NULL;
    }

    if (slot->pool == NULL) {
        slot->pool = mutt_pool_create(POOL_BLOCK);
    }

    if (slot->pool == NULL) {
        return NULL;
    }

    slot->item = mutt_pool_dup(slot->pool, item);

    if (slot->item.data == NULL) {
        return NULL;
    }

    f->free = slot->next;
    slot->used = true;
    slot->done = false;
    slot->probe = false;
    slot->placed = false;
    slot->in_run = false;
    f->used++;

    return slot;
}


void
forwarder_free_slot(forwarder_t *f, slot_t *slot)
{
    mutt_pool_reset(slot->pool);
    slot->used = false;
    slot->done = false;
    slot->next = f->free;
    f->free = slot;
    f->used--;
}


/* Only what is delivered may wait for others: what is not may be the last that
 * the breaker needs to open, or hold the queue. */
void
forwarder_decide(forwarder_t *f, slot_t *slot, mutt_sent_t sent,
                 mutt_sign_t sign)
{
    slot->settle = (mutt_settle_t) {
        .item = slot->item,
        .sent = sent,
        .sign = sign,
    };
    slot->done = true;
    slot->next = f->done;
    f->done = slot;
    f->urgent = f->urgent || sent != MUTT_SENT_OK || slot->probe;

    if (f->n_done++ == 0) {
        f->done_at = mutt_time_mono();
    }
}
