/*
 * The order of the processing list.  Nobody else may change it, so the
 * forwarder knows it from what it was given and has settled; what is delivered
 * and oldest leaves the list together, by how many it is.
 */

#include "forwarder.h"


void
forwarder_place(forwarder_t *f, slot_t *slot)
{
    slot->older = f->newest;
    slot->newer = NULL;

    if (f->newest == NULL) {
        f->oldest = slot;
    } else {
        f->newest->newer = slot;
    }

    f->newest = slot;
    slot->placed = true;
    f->placed++;
}


void
forwarder_displace(forwarder_t *f, slot_t *slot)
{
    if (!slot->placed) {
        return;
    }

    if (slot->older == NULL) {
        f->oldest = slot->newer;
    } else {
        slot->older->newer = slot->newer;
    }

    if (slot->newer == NULL) {
        f->newest = slot->older;
    } else {
        slot->newer->older = slot->older;
    }

    slot->placed = false;
    f->placed--;
}


/* Gives the place of one to the other, which has none. */
static void
replace(forwarder_t *f, slot_t *slot, slot_t *by)
{
    by->older = slot->older;
    by->newer = slot->newer;

    if (by->older == NULL) {
        f->oldest = by;
    } else {
        by->older->newer = by;
    }

    if (by->newer == NULL) {
        f->newest = by;
    } else {
        by->newer->older = by;
    }

    by->placed = true;
    slot->placed = false;
}


void
forwarder_displace_equal(forwarder_t *f, slot_t *slot)
{
    slot_t *first = f->oldest;

    while (first != NULL && first != slot &&
           !mutt_str_eq(first->item, slot->item)) {
        first = first->newer;
    }

    if (first == NULL) {
        return;
    }

    forwarder_displace(f, first);

    if (slot->placed) {
        replace(f, slot, first);
    }
}


void
forwarder_forget_order(forwarder_t *f)
{
    while (f->oldest != NULL) {
        forwarder_displace(f, f->oldest);
    }
}
